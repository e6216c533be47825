"""The real program in a real pseudo-terminal: starts, draws, quits, and leaves the terminal as it was."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.tui.pseudo_terminal import PseudoTerminal

RICH = {"TERM": "xterm-256color", "COLORTERM": "truecolor", "LC_ALL": "C.UTF-8"}
QUIT_WITHIN = 5.0


@pytest.fixture
def home(tmp_path: Path) -> dict[str, str]:
    return {
        "HOME": str(tmp_path),
        "XDG_STATE_HOME": str(tmp_path / "state"),
        "XDG_CONFIG_HOME": str(tmp_path / "config"),
    }


@pytest.fixture
def terminals() -> Iterator[list[PseudoTerminal]]:
    opened: list[PseudoTerminal] = []
    yield opened
    for terminal in opened:
        terminal.close()


@pytest.mark.parametrize("size", [(120, 36), (80, 24), (20, 5)])
def test_it_quits_at_once_and_restores_the_terminal(
    home: dict[str, str], terminals: list[PseudoTerminal], size: tuple[int, int]
) -> None:
    terminal = PseudoTerminal(["-m", "tui", "--sim", "lab"], {**RICH, **home}, size)
    terminals.append(terminal)
    terminal.until(b"SIMULATED")
    terminal.type(b"q")
    assert terminal.ended_within(20) < QUIT_WITHIN
    assert terminal.code == 0
    for undone in (b"\x1b[?1049l", b"\x1b[?25h", b"\x1b[?1000l", b"\x1b[?2004l"):
        assert terminal.written.rindex(undone) > terminal.written.rindex(b"\x1b[?1049h")


def test_names_that_hold_escapes_and_markup_stay_text(home: dict[str, str], terminals: list[PseudoTerminal]) -> None:
    terminal = PseudoTerminal(["-m", "tui", "--sim", "messy"], {**RICH, **home})
    terminals.append(terminal)
    terminal.until(b"SIMULATED")
    terminal.until(rb"vf3 \x1b")
    for keys in (b"G", b"2", b"3", b"\r", b"h", b"1", b"?", b"?"):
        terminal.type(keys)
        terminal.read(0.3)
    terminal.type(b"q")
    terminal.ended_within(20)
    assert terminal.code == 0
    assert terminal.strangers() == []
    terminal.written.decode("utf-8")


@pytest.mark.parametrize(
    ("environ", "has", "has_not"),
    [
        ({"TERM": "xterm-256color", "COLORTERM": "truecolor"}, b"38;2;", b"\x1b[31m"),
        ({"TERM": "xterm-256color"}, b"38;5;", b"38;2;"),
        ({"TERM": "linux"}, b"\x1b[1;36", b"38;"),
        ({"TERM": "xterm-256color", "NO_COLOR": "1"}, b"SIMULATED", b"38;"),
    ],
)
def test_colours_are_those_the_terminal_has(
    home: dict[str, str], terminals: list[PseudoTerminal], environ: dict[str, str], has: bytes, has_not: bytes
) -> None:
    terminal = PseudoTerminal(["-m", "tui", "--sim", "lab"], {**home, "LC_ALL": "C.UTF-8", **environ})
    terminals.append(terminal)
    terminal.until(b"passthrough")
    terminal.type(b"jq")
    terminal.ended_within(20)
    assert has in terminal.written
    assert has_not not in terminal.written
    if environ["TERM"] == "linux":
        assert terminal.written.isascii()


def test_the_mouse_is_left_alone_when_told_so(home: dict[str, str], terminals: list[PseudoTerminal]) -> None:
    terminal = PseudoTerminal(["-m", "tui", "--sim", "duo", "--no-mouse"], {**RICH, **home})
    terminals.append(terminal)
    terminal.until(b"SIMULATED")
    terminal.type(b"q")
    terminal.ended_within(20)
    assert b"\x1b[?1000h" not in terminal.written
    assert b"\x1b[?1003h" not in terminal.written


CRASH = """
import sys
from tui.screens.main import MainScreen
def broken(self): raise ZeroDivisionError("kaboom")
MainScreen.action_help = broken
from tui.__main__ import main
sys.argv = ["iovtop", "--sim", "duo"]
sys.exit(main())
"""


def test_a_fault_restores_the_terminal_and_names_the_log(
    home: dict[str, str], terminals: list[PseudoTerminal], tmp_path: Path
) -> None:
    terminal = PseudoTerminal(["-c", CRASH], {**RICH, **home})
    terminals.append(terminal)
    terminal.until(b"SIMULATED")
    terminal.type(b"?")
    terminal.ended_within(20)
    assert terminal.code == 70
    after = terminal.written[terminal.written.rindex(b"\x1b[?1049l") :]
    log = tmp_path / "state" / "iovtop" / "iovtop.log"
    assert f"ZeroDivisionError: kaboom; details in {log}".encode() in after
    assert b"Traceback" not in terminal.written
    assert "ZeroDivisionError: kaboom" in log.read_text()
    assert "Traceback" in log.read_text()


@pytest.mark.parametrize(
    ("arguments", "words"),
    [(["--theme", "drak"], b"did you mean 'dark'"), (["--theme", "../../etc/passwd"], b"no theme")],
)
def test_a_wrong_theme_is_told_before_the_screen_opens(
    home: dict[str, str], terminals: list[PseudoTerminal], arguments: list[str], words: bytes
) -> None:
    terminal = PseudoTerminal(["-m", "tui", "--sim", "duo", *arguments], {**RICH, **home})
    terminals.append(terminal)
    terminal.ended_within(20)
    assert terminal.code == 2
    assert words in terminal.written
    assert b"\x1b[?1049h" not in terminal.written
