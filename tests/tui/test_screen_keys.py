"""Filter, palette, help, themes and the rest of the keys of the first screen."""

from __future__ import annotations

from dataclasses import replace

import pytest

from backend.cli.settings import Settings
from backend.present.view import View
from tests.tui.builders import make_pfs, pf_address, with_devices
from tests.tui.screens import screen
from tui.screens.help import HelpScreen
from tui.term.theming import textual_name
from tui.widgets.entry import Entry
from tui.widgets.filter_bar import FilterBar
from tui.widgets.status_bar import StatusBar

HOST = make_pfs(3, 4)
PFS = [str(pf_address(n)) for n in range(3)]
VFS = [str(vf) for vf in HOST.devices[pf_address(0)].sriov.vfs]  # type: ignore[union-attr]


async def test_a_jump_clears_a_filter_that_hides_its_goal() -> None:
    async with screen(HOST) as s:
        await s.press("slash", *"held", "enter")
        await s.press("P")
        assert s.cursor == PFS[0]


async def test_the_filter_narrows_as_it_is_typed_and_traps_the_keys() -> None:
    async with screen(HOST) as s:
        await s.press("slash", *"held")
        field = s.main.query_one(FilterBar).query_one(Entry)
        assert s.focused() is field
        assert VFS[0] in s.text()
        assert VFS[1] not in s.text()
        await s.press("enter")
        assert s.focused() is s.tree
        assert "held" in s.text()
        assert "of 15 rows" in s.text()
        await s.press("escape")
        assert VFS[1] in s.text()


async def test_letters_that_are_keys_elsewhere_are_text_in_the_filter() -> None:
    async with screen(HOST) as s:
        await s.press("slash", *"qp2z")
        assert s.main.query_one(FilterBar).query_one(Entry).value == "qp2z"
        assert s.view() is View.DEVICES
        assert not s.main.bridge.paused
        assert "nothing matches qp2z" in s.text()
        await s.press("escape")
        assert PFS[0] in s.text()


async def test_a_bad_filter_says_so_filters_nothing_and_stays_open() -> None:
    async with screen(HOST) as s:
        await s.press("slash", *"held")
        bar = s.main.query_one(FilterBar)
        field = bar.query_one(Entry)
        assert VFS[1] not in s.text()
        field.insert_text_at_cursor(" drivr:x")
        await s.pilot.pause()
        assert "did you mean 'driver'" in bar.hint
        assert VFS[1] in s.text()
        await s.press("enter")
        assert s.focused() is field
        assert field.value == "held drivr:x"
        assert not s.main.viewing.query
        assert "nothing is filtered: no field 'drivr'" in s.main.query_one(StatusBar).text
        await s.press("escape")
        assert s.focused() is s.tree
        assert VFS[1] in s.text()


async def test_an_unfinished_filter_leaves_the_rows_alone_until_it_is_meant() -> None:
    async with screen(HOST) as s:
        await s.press("slash", *"held driver:")
        assert VFS[1] not in s.text()
        await s.press("enter")
        assert s.focused() is s.main.query_one(FilterBar).query_one(Entry)
        assert VFS[1] in s.text()
        await s.press(*"vfio*", "enter")
        assert s.focused() is s.tree
        assert s.main.viewing.query.text == "held driver:vfio*"


async def test_after_a_filter_the_cursor_is_on_what_was_found() -> None:
    async with screen(HOST) as s:
        assert s.cursor == PFS[0]
        await s.press("slash", *"held vf")
        assert s.cursor == VFS[0]
        await s.press("escape")
        assert s.cursor == PFS[0]
        await s.press("slash", *"held vf", "enter")
        assert s.cursor == VFS[0]


async def test_tab_completes_a_field() -> None:
    async with screen(HOST) as s:
        await s.press("slash", *"driv", "tab")
        await s.until(lambda: s.main.query_one(FilterBar).query_one(Entry).value == "driver:", "the completion")
        await s.press(*"mlx*", "space", *"!hel", "tab")
        await s.until(lambda: s.main.query_one(FilterBar).query_one(Entry).value == "driver:mlx* !held ", "the other")


async def test_a_pasted_escape_is_made_visible() -> None:
    async with screen(HOST) as s:
        await s.press("slash")
        s.main.query_one(FilterBar).query_one(Entry).insert_text_at_cursor("a\x1b]0;x\x07 b")
        assert s.main.query_one(FilterBar).query_one(Entry).value == "a\\x1b]0;x\\x07 b"


async def test_pause_keeps_the_picture_and_counts_what_waits() -> None:
    async with screen(HOST) as s:
        await s.press("p")
        later = with_devices(HOST, replace(HOST.devices[pf_address(0)], driver="paused_driver"))
        s.live.give(later)
        await s.until(lambda: "1 change waiting" in s.text(), "the count")
        assert "paused_driver" not in s.text()
        assert "paused" in s.lines()[0]
        await s.press("p")
        await s.until(lambda: "paused_driver" in s.text().replace("…", "_driver"), "the change")
        assert "waiting" not in s.text()


async def test_the_interval_changes_in_steps() -> None:
    async with screen(HOST) as s:
        await s.press("plus")
        assert s.live.interval == 2.0
        assert "2 s" in s.lines()[0]
        await s.press("minus", "minus", "minus")
        assert s.live.interval == 0.5


async def test_help_lists_every_key_and_closes() -> None:
    async with screen(HOST, (120, 120)) as s:
        await s.press("question_mark")
        assert isinstance(s.app.screen, HelpScreen)
        for words in ("Next row.", "IOMMU groups and their members.", "Leave at once."):
            assert words in s.text()
        await s.press("question_mark")
        assert s.focused() is s.tree


async def test_copying_shows_the_id() -> None:
    async with screen(HOST) as s:
        await s.press("j", "y")
        assert f"copied {VFS[0]}" in s.main.query_one(StatusBar).text
        assert s.app.clipboard == VFS[0]


async def test_a_click_selects_the_wheel_scrolls_and_the_fold_sign_folds() -> None:
    async with screen(make_pfs(8, 16), (120, 14)) as s:
        await s.pilot.click(s.tree, offset=(20, 2))
        assert s.cursor == s.tree.rows.keys[2]
        await s.pilot.click(s.tree, offset=(1, 0))
        assert not s.tree.rows.is_open(s.tree.rows.keys[0])
        cursor = s.cursor
        s.tree.action_edge(-1)
        for _ in range(4):
            s.tree.scroll_relative(y=3, animate=False, force=True)
            await s.pilot.pause()
        assert s.tree.rows.top > 0
        assert s.cursor == cursor


async def test_themes_go_round() -> None:
    async with screen(HOST) as s:
        names = [s.app.theme]
        for _ in range(6):
            await s.press("T")
            names.append(s.app.theme)
        assert names[0] == textual_name("dark")
        assert len(set(names)) == 6
        assert names[-1] == names[0]


async def test_settings_choose_view_and_filter() -> None:
    settings = Settings(view=View.GROUPS, filter="held", interval=5.0)
    async with screen(HOST, settings=settings) as s:
        assert s.view() is View.GROUPS
        assert "of 30 rows" in s.text()
        assert "filter / held" in s.text()


async def test_faults_only_is_a_filter_that_comes_and_goes() -> None:
    async with screen(HOST) as s:
        await s.press("z")
        assert s.main.viewing.query.text == "faulty"
        await s.press("z")
        assert not s.main.viewing.query


@pytest.mark.parametrize(("words", "view"), [("groups", View.GROUPS), ("holders", View.HOLDERS)])
async def test_the_palette_runs_our_actions(words: str, view: View) -> None:
    async with screen(HOST) as s:
        await s.press("ctrl+p")
        await s.until(lambda: s.app.screen.query("CommandInput"), "the palette")
        await s.press(*words)
        await s.until(lambda: "holds devices" in s.text() or "their members" in s.text(), "a hit")
        await s.press("down", "enter")
        await s.until(lambda: s.view() is view, words)
