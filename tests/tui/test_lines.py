"""The lines for a filter and for a jump: whose keys are whose, whatever happens while they are open."""

from __future__ import annotations

import pytest

from backend.present.view import View
from tests.tui.builders import make_pfs
from tests.tui.screens import screen
from tui.widgets.entry import Entry
from tui.widgets.filter_bar import FilterBar
from tui.widgets.jump_bar import JumpBar
from tui.widgets.status_bar import StatusBar

HOST = make_pfs(3, 4)


async def test_a_filter_left_by_a_click_is_kept_and_says_so() -> None:
    async with screen(HOST) as s:
        await s.press("slash", *"held")
        await s.pilot.click(s.tree, offset=(20, 0))
        await s.until(lambda: "of 15 rows" in s.text(), "the filter that is kept")
        assert s.focused() is s.tree
        await s.press("escape")
        assert "filter /" not in s.text()


@pytest.mark.parametrize(("typed", "kept"), [("held drivr:x", ""), ("held driver:", "held driver")])
async def test_a_filter_left_half_typed_is_what_the_rows_show(typed: str, kept: str) -> None:
    async with screen(HOST) as s:
        await s.press("slash", *typed)
        await s.press("shift+tab")
        bar = s.main.query_one(FilterBar)
        await s.until(lambda: not bar.is_open, "the end of the line")
        assert s.main.viewing.query.text == kept
        assert bar.hint.startswith(kept)


async def test_a_jump_takes_the_place_of_a_filter_and_leads_nowhere_when_left() -> None:
    async with screen(HOST) as s:
        await s.press("slash", *"held")
        await s.pilot.click(s.tree, offset=(20, 0))
        await s.press("colon", *"ens1f0")
        assert not s.main.query_one(FilterBar).is_open
        assert s.focused() is s.main.query_one(JumpBar).query_one(Entry)
        cursor = s.cursor
        await s.pilot.click(s.tree, offset=(20, 0))
        await s.until(lambda: not s.main.query_one(JumpBar).is_open, "the end of the line")
        assert s.cursor == cursor


async def test_a_command_of_the_palette_ends_the_line_that_was_open() -> None:
    async with screen(HOST, (120, 36)) as s:
        await s.press("slash", *"held", "ctrl+p")
        await s.until(lambda: s.app.screen.query("CommandInput"), "the palette")
        await s.press(*"faults only")
        await s.until(lambda: "Show only what a finding names" in s.text(), "a hit")
        await s.press("down", "enter")
        await s.until(lambda: s.app.screen is s.main and s.main.viewing.query.text == "held faulty", "the faults")
        assert not s.main.query_one(FilterBar).is_open
        assert s.focused() is s.tree


async def test_what_was_wrong_with_a_filter_is_said_no_more_once_another_filters() -> None:
    async with screen(HOST) as s:
        said = s.main.query_one(StatusBar)
        await s.press("slash", *"drivr:x", "enter")
        assert "nothing is filtered" in said.text
        await s.press("ctrl+u", *"held")
        assert "nothing is filtered" not in said.text
        await s.press("ctrl+u", *"drivr:x", "enter")
        assert "nothing is filtered" in said.text
        await s.press("escape")
        assert "nothing is filtered" not in said.text


@pytest.mark.parametrize("line", ["slash", "colon"])
async def test_a_terminal_that_was_too_small_gives_the_keys_back_to_the_line(line: str) -> None:
    async with screen(HOST) as s:
        await s.press(line, *"he")
        entry = s.focused()
        assert isinstance(entry, Entry)
        await s.pilot.resize_terminal(30, 5)
        await s.until(lambda: s.focused() is None)
        await s.pilot.resize_terminal(80, 24)
        await s.until(lambda: s.focused() is entry, "the focus")
        await s.press(*"ld")
        assert entry.value == "held"


async def test_a_terminal_that_was_too_small_gives_the_keys_back_to_the_tree() -> None:
    async with screen(HOST) as s:
        await s.pilot.resize_terminal(30, 5)
        await s.until(lambda: s.focused() is None)
        await s.pilot.resize_terminal(80, 24)
        await s.until(lambda: s.focused() is s.tree, "the focus")


async def test_no_key_acts_on_what_there_is_no_room_to_show() -> None:
    async with screen(HOST) as s:
        await s.pilot.resize_terminal(30, 5)
        await s.until(lambda: s.focused() is None)
        await s.press("p", "w", "slash", "x", "2")
        assert not s.main.bridge.paused
        assert not s.main.has_class("-no-detail")
        assert not s.main.query_one(FilterBar).is_open
        assert s.app.screen is s.main
        assert s.view() is View.DEVICES
        await s.press("q")
        await s.until(lambda: not s.app.is_running, "the end")


async def test_a_jump_may_be_typed_while_the_host_is_still_being_read() -> None:
    async with screen(None) as s:
        await s.press("colon", *"groups", "enter", "w")
        bar = s.main.query_one(JumpBar)
        assert "still being read" in bar.hint
        assert not s.main.has_class("-no-detail")
        await s.press("backspace")
        await s.give(HOST)
        assert "enter goes" in bar.hint
        await s.press("enter")
        assert s.view() is View.GROUPS
