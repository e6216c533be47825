"""Every widget on a host whose every free text is hostile, on a real terminal: nothing but clean text arrives."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.pictures import is_harmless
from tests.tui.hostile import EVERYTHING, MARK, PAYLOADS, RAW
from tests.tui.pseudo_terminal import ALLOWED, PATIENCE, PseudoTerminal

SHOWN = MARK.encode()
ROWS = b"j" * 80
PASTED = b"\x1b[200~" + RAW + b"\x1b[201~"

Step = tuple[bytes, str]

JOURNEYS: dict[str, tuple[tuple[int, int], tuple[Step, ...]]] = {
    "tree": ((200, 50), ((b"jjj", MARK), (b"G", "mtty-1"), (b"2", "VERDICT"), (b"3", "USE"), (b"4", "NODE"))),
    "narrow tree": ((80, 24), ((b"jjj", MARK), (b"G", "mtty-1"), (b"3", "USE"))),
    "detail": ((160, 50), tuple((b"jj", f"\u2502 0000:{n + 1:02x}:00.0") for n in range(1, len(PAYLOADS)))),
    "regions, raw attributes, changes": (
        (160, 60),
        ((b"j]", "Regions, as sysfs"), (b"]", "msi_bus"), (b"]", "since the screen was opened")),
    ),
    "detail on a screen of its own": (
        (80, 24),
        ((b"\r", "esc back"), (b"]]", "as the kernel writes"), (b"G", "esc back")),
    ),
    "findings": ((120, 36), ((b"!", "for information"), (b"jjjjjj", "evidence"))),
    "header": ((300, 20), ((b"z", "faulty"),)),
    "menu": ((120, 36), ((b"jx", "copy the id"),)),
    "help": ((120, 36), ((b"?", "Next row."),)),
    "jump": ((160, 36), ((b":" + MARK.encode(), "tab next"), (b"\t\t\t\t", "5 of"), (b"\r", MARK))),
    "jump to what is pasted": ((160, 36), ((b":" + PASTED, "no such device"),)),
    "filter": ((160, 36), ((b"/" + MARK.encode(), "enter keep"), (b"\r", "esc clears"))),
    "filter that is pasted": ((160, 36), ((b"/" + PASTED, r"\x1b"), (b"\r", ""))),
    "paste that would quit": ((160, 36), ((b"\x1b[200~a\x1b]0;x\x07 b\rq\rq\x1b[201~/", "filter /"),)),
    "paste that would keep and quit": (
        (160, 36),
        ((b"/\x1b[200~a\x1b[31mb\rq\x1b\r\x1bq\x1b[201~", r"a\x1b[31mb\x0dq\x1b\x0d\x1bq"),),
    ),
    "completion": ((160, 36), ((b"/holder:", "tab"), (b"Z", "tab Zq"), (b"\t", "tab Zq"))),
    "palette": ((120, 36), ((b"\x10", "Search"), (PASTED, "No matches"))),
    "messages": ((160, 36), ((b"jy", "copied"), (b"*y", "lines"), (b"3Y", "copied iovtop"))),
}
"""Widget → size of the terminal, and keys each with what the screen says then."""

_COPIED = re.compile(rb"\x1b\]52;c;[A-Za-z0-9+/=]*\x07")
"""What we ourselves put on the clipboard."""


@pytest.fixture
def terminal(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[PseudoTerminal]:
    glyphs, size = request.param
    environ = {
        "TERM": "xterm-256color", "COLORTERM": "truecolor", "LC_ALL": "C.UTF-8", "HOME": str(tmp_path),
        "XDG_STATE_HOME": str(tmp_path / "state"), "XDG_CONFIG_HOME": str(tmp_path / "config"),
    }  # fmt: skip
    opened = PseudoTerminal(["-m", "tests.tui.hostile", glyphs], environ, size)
    yield opened
    opened.close()


@pytest.mark.parametrize(
    ("terminal", "steps"),
    [pytest.param(("unicode", size), steps, id=name) for name, (size, steps) in JOURNEYS.items()]
    + [pytest.param(("ascii", JOURNEYS["tree"][0]), JOURNEYS["tree"][1], id="tree in ascii")],
    indirect=["terminal"],
)
def test_nothing_but_clean_text_arrives(terminal: PseudoTerminal, steps: tuple[Step, ...]) -> None:
    terminal.until(SHOWN)
    terminal.until_shown("live")
    for keys, words in steps:
        terminal.type(keys)
        terminal.until_shown(words)
    terminal.type(b"\x03")
    terminal.ended_within(PATIENCE)
    assert terminal.code == 0
    terminal.written = _COPIED.sub(b"", terminal.written)
    assert terminal.strangers() == []
    text = ALLOWED.sub(b"\n", terminal.written).decode("utf-8")
    for line in text.replace("\r", "\n").split("\n"):
        assert is_harmless(line), repr(line)
    assert MARK in text


def test_the_payloads_would_do_harm() -> None:
    assert not is_harmless(EVERYTHING)
    assert ALLOWED.sub(b"", b"\x1b]0;pwned\x07")
