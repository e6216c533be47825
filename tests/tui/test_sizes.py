"""Terminals that change their size all the time, and terminals inside others."""

from __future__ import annotations

import os
import random
import shutil
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from time import monotonic, sleep

import pytest

from tests.pictures import picture, simulated
from tests.tui.pseudo_terminal import PATIENCE, ROOT, PseudoTerminal
from tests.tui.screens import screen

SIZES = [(1, 1), (500, 200), (2, 50), (300, 1), (34, 6), (33, 5), (80, 24), (120, 30), (119, 29), (1, 200), (500, 2)]


async def test_after_a_storm_of_sizes_the_screen_is_as_if_nothing_had_been() -> None:
    host = picture(simulated("lab")[0])
    chance = random.Random(4)
    async with screen(host, (120, 36)) as calm:
        await calm.press("j", "j", "j")
        await calm.until(lambda: calm.main.settled)
        wanted = calm.text()
    async with screen(host, (120, 36)) as s:
        await s.press("j", "j", "j")
        for size in [*SIZES, *chance.choices(SIZES, k=30)]:
            await s.pilot.resize_terminal(*size)
            if chance.random() < 0.3:
                await s.press(chance.choice(("2", "1", "w", "w", "G", "g")))
        await s.pilot.resize_terminal(120, 36)
        if s.main.has_class("-no-detail"):
            await s.press("w")
        await s.press("1", "g", "j", "j", "j")
        await s.until(lambda: s.main.settled)
        # The line with the views tells the way one came by, too.
        await s.until(lambda: s.text().split("\n")[3:] == wanted.split("\n")[3:], "the calm screen")


def test_a_storm_of_sizes_on_a_real_terminal(tmp_path: Path) -> None:
    environ = {
        "TERM": "xterm-256color", "COLORTERM": "truecolor", "LC_ALL": "C.UTF-8", "HOME": str(tmp_path),
        "XDG_STATE_HOME": str(tmp_path / "state"), "XDG_CONFIG_HOME": str(tmp_path / "config"),
    }  # fmt: skip
    # With a look at the host every second, rates and their marks, which go after two, may leave no pause to wait for.
    terminal = PseudoTerminal(["-m", "tui", "--sim", "lab", "--interval", "3"], environ, (120, 36))
    try:
        terminal.until_shown("live")
        chance = random.Random(7)
        for size in [*SIZES, *chance.choices(SIZES, k=40)]:
            terminal.resize(*size)
            terminal.type(chance.choice((b"j", b"G", b"2", b"1", b"\r", b"\x1b", b"")))
            terminal.read(chance.choice((0, 0, 0.05)))
        for _ in range(3):  # whatever is open is closed, one layer at a time
            terminal.until_quiet()  # two of these that are read at once are another key
            terminal.type(b"\x1b")
        terminal.until_quiet()
        terminal.type(b"1")
        terminal.resize(119, 40)
        terminal.until_quiet()
        terminal.written = b""
        terminal.resize(200, 50)
        terminal.until_shown("live")
        lines = terminal.screen().split("\n")
        assert len(lines) == 50
        assert lines[0].strip().startswith("SIMULATED")
        assert "quit" in lines[-1]
        terminal.type(b"q")
        terminal.ended_within(PATIENCE)
        assert terminal.code == 0
        assert terminal.strangers() == []
    finally:
        terminal.close()


Multiplexer = Callable[..., str]


@pytest.fixture
def tmux(tmp_path: Path) -> Iterator[Multiplexer]:
    if shutil.which("tmux") is None:
        pytest.skip("tmux is not installed")
    environ = {**os.environ, "HOME": str(tmp_path), "XDG_STATE_HOME": str(tmp_path), "TMUX_TMPDIR": str(tmp_path)}
    environ.pop("TMUX", None)

    def run(*arguments: str) -> str:
        done = subprocess.run(
            ["tmux", "-L", "iovtop", "-f", "/dev/null", *arguments],
            capture_output=True, text=True, env=environ, cwd=ROOT, check=True,
        )  # fmt: skip
        return done.stdout

    run("new-session", "-d", "-s", "t", "-x", "120", "-y", "36", "env PS1='ready> ' sh")
    yield run
    run("kill-server")


def wait_for(shows: Callable[[], str], words: str) -> str:
    deadline = monotonic() + PATIENCE
    while words not in (text := shows()):
        assert monotonic() < deadline, text
        sleep(0.05)
    return text


def test_inside_tmux(tmux: Multiplexer) -> None:
    def pane() -> str:
        return tmux("capture-pane", "-p", "-t", "t")

    wait_for(pane, "ready>")
    tmux("send-keys", "-t", "t", f"{sys.executable} -m tui --sim duo; echo left $?", "Enter")
    wait_for(pane, "live")
    tmux("send-keys", "-t", "t", "2")
    wait_for(pane, "VERDICT")
    tmux("resize-window", "-t", "t", "-x", "80", "-y", "24")
    wait_for(pane, "VERDICT")
    tmux("send-keys", "-t", "t", "1", "y")
    wait_for(pane, "copied")
    tmux("send-keys", "-t", "t", "q")
    wait_for(pane, "left 0")
    modes = tmux(
        "display", "-p", "-t", "t", "#{alternate_on} #{mouse_any_flag} #{cursor_flag} #{bracket_paste_flag}"
    ).split()
    assert modes[:3] == ["0", "0", "1"]
    tmux("send-keys", "-t", "t", "echo typed-visibly", "Enter")
    assert wait_for(pane, "\ntyped-visibly").count("typed-visibly") == 2


def test_inside_screen(tmp_path: Path) -> None:
    if shutil.which("screen") is None:
        pytest.skip("GNU screen is not installed")
    sockets = tmp_path / "sockets"
    sockets.mkdir(mode=0o700)
    environ = {
        "TERM": "xterm-256color", "LC_ALL": "C.UTF-8", "HOME": str(tmp_path), "SCREENDIR": str(sockets),
        "XDG_STATE_HOME": str(tmp_path / "state"), "XDG_CONFIG_HOME": str(tmp_path / "config"), "PS1": "ready> ",
    }  # fmt: skip
    start = "import os; os.execvp('screen', ['screen', '-c', '/dev/null', '-U', 'sh'])"
    terminal = PseudoTerminal(["-c", start], environ, (100, 30))
    try:
        terminal.until(b"ready>")
        terminal.type(f"{sys.executable} -m tui --sim duo; echo left $?\r".encode())
        terminal.until(b"passthrough")
        terminal.until(b"live")
        terminal.type(b"2")
        terminal.until(b"VERDICT")
        terminal.type(b"q")
        terminal.until(b"left 0")
        terminal.type(b"echo typed-$((40+2))-visibly\r")
        terminal.until(b"typed-42-visibly")
        terminal.type(b"exit\r")
        terminal.ended_within(PATIENCE)
    finally:
        terminal.close()
