"""Every way out leaves the terminal as it was, and none waits for what hangs."""

from __future__ import annotations

import os
import signal
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from tests.tui.pseudo_terminal import PATIENCE, PseudoTerminal

RICH = {"TERM": "xterm-256color", "COLORTERM": "truecolor", "LC_ALL": "C.UTF-8"}
AT_ONCE = 8.0
"""Seconds: leaving takes one at the most, on a busy machine some more; what hangs here hangs for an hour."""

Start = Callable[..., PseudoTerminal]


@pytest.fixture
def start(tmp_path: Path) -> Iterator[Start]:
    opened: list[PseudoTerminal] = []

    def begin(*arguments: str) -> PseudoTerminal:
        home = {
            "HOME": str(tmp_path),
            "XDG_STATE_HOME": str(tmp_path / "state"),
            "XDG_CONFIG_HOME": str(tmp_path / "config"),
        }
        terminal = PseudoTerminal([*(arguments or ("-m", "tui", "--sim", "duo"))], {**RICH, **home})
        opened.append(terminal)
        return terminal

    yield begin
    for terminal in opened:
        terminal.close()


def ready(terminal: PseudoTerminal) -> PseudoTerminal:
    terminal.until_shown("live")
    return terminal


def is_clean(written: bytes) -> bool:
    """Return whether every mode that was set is undone after it was set for the last time."""
    set_last = {
        mode: written.rfind(b"\x1b[?%dh" % mode) for mode in (1049, 1000, 1003, 1006, 1015, 1004, 2004, 2026, 2048)
    }
    undone = all(written.rfind(b"\x1b[?%dl" % mode) > at for mode, at in set_last.items() if at >= 0)
    return undone and written.rfind(b"\x1b[?25h") > written.rfind(b"\x1b[?25l") and b"\x1b[<u" in written


@pytest.mark.parametrize("keys", [b"q", b"\x03", b"\x11", b"/abc\x03", b":abc\x11", b"?\x03", b"x\x03", b"!q\x03"])
def test_keys(start: Start, keys: bytes) -> None:
    terminal = start()
    before = terminal.modes()
    ready(terminal).type(keys)
    terminal.ended_within(AT_ONCE)
    assert terminal.code == 0
    assert is_clean(terminal.written)
    assert terminal.modes() == before


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGHUP])
def test_signals(start: Start, number: int) -> None:
    terminal = start()
    before = terminal.modes()
    os.kill(ready(terminal).pid, number)
    terminal.ended_within(AT_ONCE)
    assert terminal.code == 128 + number
    assert is_clean(terminal.written)
    assert terminal.modes() == before


def test_a_terminal_that_goes_away(start: Start, tmp_path: Path) -> None:
    terminal = ready(start())
    terminal.type(b"2")
    terminal.until_shown("VERDICT")
    terminal.hang_up()
    terminal.ended_within(AT_ONCE)
    assert terminal.code == 128 + signal.SIGHUP
    (kept,) = (tmp_path / "state/iovtop/screens").iterdir()
    assert '"groups"' in kept.read_text()
    assert not (tmp_path / "state/iovtop/iovtop.log").exists()


def test_stopping_gives_the_terminal_back_and_going_on_draws_anew(start: Start) -> None:
    terminal = start()
    before = terminal.modes()
    ready(terminal)
    os.kill(terminal.pid, signal.SIGTSTP)
    terminal.stopped_within(AT_ONCE)
    assert is_clean(terminal.written)
    assert terminal.modes() == before
    seen = len(terminal.written)
    os.kill(terminal.pid, signal.SIGCONT)
    terminal.written = terminal.written[seen:]
    terminal.until_shown("live")
    assert "DEVICE" in terminal.screen()
    terminal.type(b"q")
    terminal.ended_within(AT_ONCE)
    assert is_clean(terminal.written)
    assert terminal.modes() == before


def test_a_terminal_that_takes_nothing_any_more(start: Start) -> None:
    """Nobody reads what is drawn, until the program is stuck in drawing it."""
    terminal = start()
    before = terminal.modes()
    ready(terminal)
    for _ in range(300):
        terminal.type(b"TwGg")
    terminal.type(b"\x03")
    terminal.ends_unread(AT_ONCE)
    assert terminal.code == 0
    assert terminal.modes() == before


STUCK = """
import sys, threading, time
{what}
from tui.__main__ import main
sys.argv = ["iovtop", "--sim", "duo"]
main()
"""
HANGS = {
    "a thread": "threading.Thread(target=time.sleep, args=(3600,)).start()",
    "the loop": (
        "from tui.screens.main import MainScreen\n"
        "MainScreen.action_help = lambda self: (print(end=''), time.sleep(3600))"
    ),
    "closing the host": ("from backend.state.live import Live\nLive.close = lambda self: time.sleep(3600)"),
    "a task that will not be cancelled": (
        "import asyncio\nfrom tui.screens.main import MainScreen\n"
        "async def stubborn():\n"
        "    while True:\n"
        "        try: await asyncio.sleep(3600)\n"
        "        except asyncio.CancelledError: pass\n"
        "MainScreen.action_help = lambda self: setattr(self, 'stubborn', asyncio.create_task(stubborn()))"
    ),
}


@pytest.mark.parametrize("what", HANGS)
@pytest.mark.parametrize("leave", [b"\x03", signal.SIGTERM])
def test_nothing_that_hangs_is_waited_for(start: Start, what: str, leave: bytes | int) -> None:
    terminal = start("-c", STUCK.format(what=HANGS[what]))
    before = terminal.modes()
    ready(terminal).type(b"?")
    terminal.read(0.5)
    if isinstance(leave, bytes):
        terminal.type(leave)
    else:
        os.kill(terminal.pid, leave)
    terminal.ended_within(AT_ONCE)
    assert terminal.code in (0, 128 + signal.SIGTERM)
    assert is_clean(terminal.written)
    assert terminal.modes() == before


@pytest.mark.parametrize("arguments", [("--sim", "duo"), ("--sim", "duo", "snapshot"), ("--version",)])
def test_a_closed_standard_output_is_told(start: Start, arguments: tuple[str, ...]) -> None:
    terminal = start("-c", f"import os,sys; os.close(1); os.execv(sys.executable, ['x', '-m', 'tui', *{arguments}])")
    terminal.ended_within(PATIENCE)  # most of it is the start
    assert terminal.code == 2
    assert b"standard output is closed" in terminal.written
    assert b"\x1b" not in terminal.written
