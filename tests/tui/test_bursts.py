"""Keys that come faster than the screen: each acts on what the one before it left."""

from __future__ import annotations

import pytest
from textual.events import Key
from textual.geometry import Region

from tests.tui.builders import make_pfs
from tests.tui.screens import screen
from tui.widgets.entry import Entry
from tui.widgets.filter_bar import FilterBar
from tui.widgets.findings_line import FindingsLine
from tui.widgets.line import Piece

HOST = make_pfs(2, 4)


async def test_what_follows_the_filter_key_is_text_and_no_command() -> None:
    async with screen(HOST, (120, 36)) as s:
        for key, character in (("slash", "/"), *((c, c) for c in "wpozq")):
            s.app.post_message(Key(key, character))
        await s.until(lambda: s.main.query_one(FilterBar).query_one(Entry).value == "wpozq", "the text")
        assert not s.main.bridge.paused
        assert s.main.viewing.order is None
        assert not s.main.has_class("-no-detail")
        assert s.app.is_running


async def test_what_follows_enter_is_a_command_for_the_row_that_was_gone_to() -> None:
    async with screen(HOST, (120, 36)) as s:
        await s.until(lambda: s.main.settled)
        vf = str(list(HOST.devices)[-1])
        for key, character in (("colon", ":"), *((c, c) for c in vf), ("enter", "\r"), ("space", " ")):
            s.app.post_message(Key(key, character))
        await s.until(lambda: s.tree.picked == {vf}, "the mark")


async def test_what_follows_a_filter_that_was_kept_is_a_command() -> None:
    async with screen(HOST, (120, 36)) as s:
        await s.until(lambda: s.main.settled)
        for key, character in (("slash", "/"), *((c, c) for c in "free"), ("enter", "\r"), ("w", "w")):
            s.app.post_message(Key(key, character))
        await s.until(lambda: s.main.has_class("-no-detail"), "the whole width")
        assert s.main.viewing.query.text == "free"
        for key, character in (("slash", "/"), ("x", "x"), ("escape", "\x1b"), ("w", "w")):
            s.app.post_message(Key(key, character))
        await s.until(lambda: not s.main.has_class("-no-detail"), "the detail")
        assert s.main.viewing.query.text == "free"


async def test_a_line_is_not_drawn_again_for_what_is_cut_away(monkeypatch: pytest.MonkeyPatch) -> None:
    async with screen(HOST, (80, 24)) as s:
        line = s.main.query_one(FindingsLine)
        line.set_class(True, "-some")
        await s.pilot.pause()
        painted: list[tuple[Region, ...]] = []
        genuine = FindingsLine.refresh

        def refresh(self: FindingsLine, *regions: Region, **options: bool) -> FindingsLine:
            painted.append(regions)
            return genuine(self, *regions, **options)

        monkeypatch.setattr(FindingsLine, "refresh", refresh)
        line.say([Piece("x" * 200 + " 1", "base", 1, cut=True)])
        assert len(painted) == 1
        line.say([Piece("x" * 200 + " 2", "base", 1, cut=True)])
        assert len(painted) == 1


async def test_asked_twice_at_once_a_detail_is_opened_once() -> None:
    async with screen(HOST, (80, 24)) as s:
        await s.until(lambda: s.main.settled)
        for _ in range(3):
            s.app.post_message(Key("enter", "\r"))
        await s.until(lambda: s.app.screen is not s.main and "esc back" in s.text(), "the detail")
        assert len(s.app.screen_stack) == 3
        await s.press("escape")
        await s.until(lambda: s.app.screen is s.main, "the tree")
