"""Jumps, history, marks, order, tabs, the menu of actions: whatever moves the eye and not the host."""

from __future__ import annotations

import base64
from collections.abc import Callable
from dataclasses import replace

import pytest

from backend.cli.settings import Settings
from backend.findings import find
from backend.model.device import DataPath
from backend.model.host import Host
from backend.present.view import View
from tests.pictures import SCENARIOS
from tests.tui.builders import make_pfs, pf_address, with_devices
from tests.tui.screens import screen
from tui.detail_tabs import Tab
from tui.screens.detail import DetailScreen
from tui.screens.menu import MenuScreen
from tui.term.clipboard import MOST_BYTES, clipboard_sequence
from tui.trail import MOST, Stop, Trail
from tui.widgets.detail_pane import DetailPane
from tui.widgets.jump_bar import JumpBar
from tui.widgets.status_bar import StatusBar

HOST = make_pfs(3, 4)
PFS = [str(pf_address(n)) for n in range(3)]
VFS = [str(vf) for vf in HOST.devices[pf_address(0)].sriov.vfs]  # type: ignore[union-attr]


@pytest.mark.parametrize(("name", "shown"), [("pulse", "pulse:"), ("migr", "this host has no migrations")])
async def test_a_jump_leads_to_screens_too(name: str, shown: str) -> None:
    async with screen(HOST, (120, 36)) as s:
        await s.until(lambda: s.main.settled)
        await s.press("colon", *name, "enter")
        await s.until(lambda: shown in s.text(), shown)


async def test_a_jump_leads_to_what_is_typed_and_back_again() -> None:
    async with screen(HOST) as s:
        await s.press("j", "colon", *"vm-0", "enter")
        assert (s.view(), s.cursor) == (View.HOLDERS, "holder:vm:4000")
        await s.press("less_than_sign")
        assert (s.view(), s.cursor) == (View.DEVICES, VFS[0])
        await s.press("greater_than_sign")
        assert (s.view(), s.cursor) == (View.HOLDERS, "holder:vm:4000")
        await s.press("backspace", "backspace")
        assert "nothing before this" in s.main.query_one(StatusBar).text


async def test_a_jump_with_no_goal_stays_open_and_escape_leads_nowhere() -> None:
    async with screen(HOST) as s:
        await s.press("colon", *"nosuch", "enter")
        bar = s.main.query_one(JumpBar)
        assert "no such device" in bar.hint
        assert s.focused() is not s.tree
        await s.press("escape", "j")
        assert (s.view(), s.cursor) == (View.DEVICES, VFS[0])


async def test_tab_goes_through_all_that_could_be_meant() -> None:
    async with screen(HOST) as s:
        await s.press("colon", *"ens", "tab")
        assert "2 of 3" in s.main.query_one(JumpBar).hint
        await s.press("enter")
        assert s.cursor == PFS[1]


async def test_going_back_brings_the_filter_back() -> None:
    async with screen(HOST) as s:
        await s.press("slash", *"held", "enter", "2", "escape", "less_than_sign")
        assert (s.view(), s.main.viewing.query.text) == (View.DEVICES, "held")


def test_the_trail_forgets_the_oldest_and_what_lay_ahead() -> None:
    trail = Trail()
    stops = [Stop(View.DEVICES, "", str(number)) for number in range(MOST + 5)]
    for stop in stops:
        trail.leave(stop)
    here = Stop(View.GROUPS, "", "here")
    assert trail.back(here) == stops[-1]
    trail.leave(stops[0])
    assert trail.forth(here) is None
    back = 0
    while trail.back(here) is not None:
        back += 1
    assert back == MOST


async def test_marks_stay_with_their_devices_whatever_comes_and_goes() -> None:
    async with screen(HOST) as s:
        await s.press("j", "space", "j", "space")
        assert s.tree.picked == {VFS[0], VFS[2]}
        assert [VFS[0] in line for line in s.lines() if line.startswith("✓")] == [True, False]
        await s.give(with_devices(HOST, without=[VFS[1]]))
        assert [row.key for row in s.tree.picked_rows()] == [VFS[0], VFS[2]]
        await s.press("2")
        assert sum(line.startswith("✓") for line in s.lines()) == 2
        await s.press("escape")
        assert not s.tree.picked


async def test_what_comes_in_the_place_of_a_marked_device_is_not_marked() -> None:
    async with screen(HOST) as s:
        await s.press("j", "space", "space")
        await s.give(with_devices(HOST, without=[VFS[0]]))
        assert "1 marked" in s.text()
        await s.give(HOST)
        assert [row.key for row in s.tree.picked_rows()] == [VFS[1]]


async def test_a_mark_is_of_one_row_whatever_is_numbered_alike() -> None:
    async with screen(HOST, settings=Settings(view=View.NUMA)) as s:
        assert s.cursor == "numa:0"
        await s.press("space", "2")
        assert not any(line.startswith("✓") for line in s.lines())


@pytest.mark.parametrize(("view", "copied"), [("2", "0"), ("3", "vm-0"), ("4", "0")])
async def test_what_is_no_device_is_copied_by_its_name(view: str, copied: str) -> None:
    async with screen(HOST) as s:
        await s.press(view, "g", "y")
        assert s.app.clipboard == copied


async def test_ranges_and_everything_that_the_filter_leaves() -> None:
    async with screen(HOST) as s:
        await s.press("j", "space", "j", "j", "v")
        assert s.tree.picked == set(VFS)
        await s.press("backslash", "slash", *"held", "enter", "asterisk")
        assert s.tree.picked == {str(d.id) for d in HOST.devices.values() if d.held} | set(PFS)


@pytest.mark.parametrize("key", ["y", "Y"])
async def test_marked_rows_are_copied_together(key: str) -> None:
    async with screen(HOST) as s:
        await s.press("j", "space", "space", key)
        expected = {"y": f"{VFS[0]}\n{VFS[1]}", "Y": f"iovtop snapshot --filter id:{VFS[0]},{VFS[1]}"}
        assert s.app.clipboard == expected[key]
        assert "copied" in s.main.query_one(StatusBar).text


async def test_the_order_goes_through_the_columns_and_turns_round() -> None:
    async with screen(HOST) as s:
        await s.press("o", "o", "o", "o", "o")
        assert s.main.viewing.order is not None
        assert s.main.viewing.order.column == "holder"
        held = [key for key in s.tree.rows.keys if key in VFS]
        assert held[-1] == VFS[0]
        await s.press("O")
        assert next(key for key in s.tree.rows.keys if key in VFS) == VFS[0]
        for _ in range(20):
            await s.press("o")
            if s.main.viewing.order is None:
                break
        assert [key for key in s.tree.rows.keys if key in VFS] == VFS


async def test_a_row_moves_when_what_it_is_ordered_by_changes_and_the_cursor_goes_with_it() -> None:
    async with screen(HOST) as s:
        await s.press("j", "o", "o", "o")
        assert s.main.viewing.order is not None
        assert s.main.viewing.order.column == "path"
        vf = HOST.devices[HOST.devices[pf_address(0)].sriov.vfs[0]]  # type: ignore[union-attr]
        before = s.tree.rows.position
        await s.give(with_devices(HOST, replace(vf, path=DataPath.TRAP)))
        assert s.cursor == VFS[0]
        assert s.tree.rows.position == before + 3


async def test_the_menu_says_why_not_and_keys_in_it_reach_nothing_below() -> None:
    async with screen(HOST) as s:
        await s.press("j", "j", "x")
        assert f"nobody is seen to hold {VFS[1]}" in s.text()
        await s.press("J")
        assert isinstance(s.app.screen, MenuScreen)
        await s.press("z", "escape")
        assert not s.main.viewing.query
        await s.press("x", "P")
        await s.until(lambda: s.cursor == PFS[0], "the PF")


async def test_a_key_of_the_menu_that_does_nothing_here_brings_its_reason_into_sight() -> None:
    async with screen(HOST, (80, 24)) as s:
        await s.press("j", "x")
        first = s.text()
        assert "is no mdev" not in first
        await s.press("d")
        assert "is no mdev" in s.text()
        assert isinstance(s.app.screen, MenuScreen)
        await s.press("j", "k")
        assert s.text() == first


async def test_the_menu_marks_too() -> None:
    async with screen(HOST) as s:
        await s.press("j", "x", "space")
        await s.until(lambda: s.tree.picked == {VFS[0]}, "the mark")


async def test_the_tabs_of_the_detail() -> None:
    async with screen(HOST) as s:
        await s.press("j")
        await s.until(lambda: s.main.settled, "the detail")
        await s.press("right_square_bracket")
        await s.until(lambda: "BAR 0" in s.main.pane.text, "the regions")
        assert "16 KiB" in s.main.pane.text
        await s.press("right_square_bracket")
        assert "reset" in s.main.pane.text
        await s.press("right_square_bracket")
        assert "nothing has changed" in s.main.pane.text
        vf = HOST.devices[HOST.devices[pf_address(0)].sriov.vfs[0]]  # type: ignore[union-attr]
        await s.give(with_devices(HOST, replace(vf, driver="mlx5_vfio_pci", path=DataPath.TRAP)))
        await s.until(lambda: "driver  vfio-pci →" in s.main.pane.text, "the change")
        assert "path  passthrough → trap" in s.main.pane.text
        await s.press("left_square_bracket")
        assert s.main.feed.tab is Tab.RAW


async def test_the_footer_names_the_keys_of_what_has_the_focus() -> None:
    async with screen(HOST) as s:
        assert "enter detail" in s.lines()[-1]
        await s.press("j", "enter")
        assert "esc back to the tree" in s.lines()[-1]
        assert "enter detail" not in s.lines()[-1]
        await s.press("escape")
        assert "enter detail" in s.lines()[-1]
        await s.press("slash")
        assert "quit" not in s.lines()[-1]
        await s.press("escape")
        assert "quit" in s.lines()[-1]


async def test_the_menu_tells_each_reason_once_and_what_fits_first() -> None:
    async with screen(HOST, (80, 24)) as s:
        await s.press("j", "x")
        first = s.text()
        assert "╭" in first
        assert "Not here" not in first
        await s.press(*["j"] * 60)
        assert "Not here" in s.text()
        assert s.text().count("is no mdev") == 1
        await s.press(*["k"] * 60)
        assert s.text() == first


async def test_tabs_on_a_narrow_terminal() -> None:
    async with screen(HOST, (80, 24)) as s:
        await s.press("right_square_bracket")
        assert "enter opens it" in s.main.query_one(StatusBar).text
        await s.press("j", "enter", "right_square_bracket")
        await s.until(lambda: "BAR 0" in s.text(), "the regions")


async def test_the_cursor_follows_what_changes_when_told_to() -> None:
    async with screen(HOST) as s:
        last = HOST.devices[HOST.devices[pf_address(2)].sriov.vfs[3]]  # type: ignore[union-attr]
        await s.give(with_devices(HOST, replace(last, path=DataPath.TRAP)))
        assert s.cursor == PFS[0]
        await s.press("f")
        await s.give(HOST)
        await s.until(lambda: s.cursor == str(last.id), "the change")


async def test_the_whole_width() -> None:
    async with screen(HOST, (120, 36)) as s:
        narrow = s.tree.size.width
        await s.press("w")
        await s.until(lambda: s.tree.size.width > narrow, "room")
        await s.press("w")
        await s.until(lambda: s.tree.size.width == narrow, "the detail")


async def test_numa_is_a_view_like_the_others() -> None:
    async with screen(HOST, settings=Settings(view=View.NUMA)) as s:
        assert s.tree.rows.keys[0] == "numa:0"
        await s.press("l", "j", "D")
        assert s.view() is View.DEVICES


def test_the_clipboard_through_tmux_and_screen() -> None:
    plain = clipboard_sequence("0000:3b:00.2", {"TERM": "xterm-256color"})
    assert plain == f"\x1b]52;c;{base64.b64encode(b'0000:3b:00.2').decode()}\x07"
    tmux = clipboard_sequence("x", {"TERM": "tmux-256color", "TMUX": "/tmp/tmux-0/default,1,0"})
    assert tmux == "\x1b]52;c;eA==\x07\x1bPtmux;\x1b\x1b]52;c;eA==\x07\x1b\\"
    pieces = clipboard_sequence("x" * 3000, {"TERM": "screen", "STY": "1.tty"}).split("\x1b\\")[:-1]
    assert all(piece.startswith("\x1bP") and len(piece) <= 766 for piece in pieces)
    assert "".join(piece[2:] for piece in pieces) == clipboard_sequence("x" * 3000, {"TERM": "xterm"})
    assert clipboard_sequence("x" * MOST_BYTES, {"TERM": "xterm"}) == ""


@pytest.mark.parametrize("spec", SCENARIOS)
async def test_every_finding_can_be_read_and_leads_to_its_subject(scenario: Callable[..., Host], spec: str) -> None:
    host = scenario(spec)
    findings = find(host)
    async with screen(host, (80, 24)) as s:
        for number, finding in enumerate(findings):
            await s.press("exclamation_mark", *["j"] * number)
            shown = s.app.screen.query_one(DetailPane).text.replace("\n", " ").split()
            assert " ".join(finding.text.split()[:6]) in " ".join(shown)
            assert finding.remedy.split(" ")[0] in shown
            await s.press("enter")
            await s.until(lambda: s.app.screen is s.main, "the tree")
            await s.pilot.pause()
            assert s.cursor == finding.subject or not finding.subject
        if not findings:
            await s.press("exclamation_mark")
            assert "no finding" in s.main.query_one(StatusBar).text


async def test_two_keys_that_leave_a_screen_leave_only_that_one() -> None:
    async with screen(HOST, (80, 24)) as s:
        await s.press("enter")
        await s.until(lambda: isinstance(s.app.screen, DetailScreen), "the detail")
        detail = s.app.screen
        for _ in range(2):  # as two keys do that are read at once
            detail.query_one(DetailPane).post_message(DetailPane.Left())
        await s.until(lambda: not detail.is_attached, "the end of the detail")
        assert s.app.screen is s.main
