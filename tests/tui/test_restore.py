"""The screen begins as it was left on that host."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from backend.cli.settings import Settings
from backend.present.view import View
from tests.pictures import simulated
from tests.tui.pseudo_terminal import PseudoTerminal
from tui.restore import Arrangement, Memory, remembered


@pytest.fixture
def start(tmp_path: Path) -> Iterator[object]:
    opened: list[PseudoTerminal] = []

    def begin(*arguments: str, size: tuple[int, int] = (120, 36)) -> PseudoTerminal:
        environ = {
            "TERM": "xterm-256color", "COLORTERM": "truecolor", "LC_ALL": "C.UTF-8", "HOME": str(tmp_path),
            "XDG_STATE_HOME": str(tmp_path / "state"), "XDG_CONFIG_HOME": str(tmp_path / "config"),
        }  # fmt: skip
        opened.append(PseudoTerminal(["-m", "tui", *arguments], environ, size))
        opened[-1].until_shown("live")
        return opened[-1]

    yield begin
    for terminal in opened:
        terminal.close()


def leave(terminal: PseudoTerminal) -> None:
    terminal.type(b"q")
    terminal.ended_within(20)
    assert terminal.code == 0


def test_view_filter_order_width_and_open_rows_come_back(start: Iterator[object]) -> None:
    first = start("--sim", "lab")  # type: ignore[operator]
    first.type(b"jjjjjjjhow3/web\r")
    first.until_shown("esc clears")
    leave(first)
    again = start("--sim", "lab")  # type: ignore[operator]
    text = again.until_shown("esc clears")
    assert "filter / web" in text
    assert "HOLDER" in text.split("\n")[4]
    assert "by device" in text
    assert "Overview" not in text
    again.type(b"/db-1\r")
    assert "as you left it" not in again.until_shown("filter / db-1   ")
    again.type(b"\x1b")
    again.until_shown("filter cleared")
    again.type(b"1")
    assert "0000:01:10.0" not in again.until_shown("0000:02:10.0")
    leave(again)
    other = start("--sim", "duo")  # type: ignore[operator]
    assert "filter /" not in "\n".join(other.screen().split("\n")[:-1])
    leave(other)
    afresh = start("--sim", "lab", "--no-restore")  # type: ignore[operator]
    assert "Overview" in afresh.screen()


@pytest.fixture
def memory(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Memory:
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path))
    return Memory.of(simulated("lab")[0])


def test_what_is_kept_is_recalled_for_that_host_only(memory: Memory) -> None:
    assert memory.recall() is None
    left = Arrangement(theme="light", view=View.NUMA, filter="vf", open={View.DEVICES: {"0000:01:00.0": False}})
    memory.keep(left)
    assert memory.recall() == left
    assert Memory.of(simulated("duo:hv07")[0]).recall() is None
    assert not memory.error


@pytest.mark.parametrize(
    ("content", "words"),
    [
        (b"", "begins afresh"),
        (b"{", "begins afresh"),
        (b"[" * 100_000, "begins afresh"),
        (b'{"view":"nowhere"}', "begins afresh"),
        (b'{"version":2}', "another version"),
        (b"\xff\xfe", "begins afresh"),
        (json.dumps({"filter": "x" * (2 << 20)}).encode(), "begins afresh"),
    ],
)
def test_what_cannot_be_read_is_told_and_harms_nothing(
    memory: Memory, tmp_path: Path, content: bytes, words: str
) -> None:
    memory.keep(Arrangement())
    (file,) = (tmp_path / "iovtop/screens").iterdir()
    file.write_bytes(content)
    assert memory.recall() is None
    assert words in memory.error


def test_a_folder_that_cannot_be_written_is_no_fault(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "file").write_text("")
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path / "file"))
    Memory.of(simulated("lab")[0]).keep(Arrangement())


NOW = Settings()
LEFT = Arrangement(theme="light", view=View.NUMA, filter="vf", settings=("dark", "devices", ""))


@pytest.mark.parametrize(
    ("settings", "theme", "view"),
    [
        (NOW, "light", View.NUMA),
        (replace(NOW, theme="mono", typed=frozenset({"theme"})), "mono", View.NUMA),
        (replace(NOW, theme="ansi", configured=("ansi", "devices", "")), "ansi", View.NUMA),
        (replace(NOW, view=View.GROUPS, configured=("dark", "groups", "")), "light", View.GROUPS),
    ],
)
def test_what_was_typed_or_configured_since_goes_before(settings: Settings, theme: str, view: View) -> None:
    found = remembered(settings, LEFT)
    assert (found.theme, found.view) == (theme, view)
    assert found.filter == ("vf" if view is View.NUMA else "")
