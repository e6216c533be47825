"""The first screen, driven by keys and mouse."""

from __future__ import annotations

from dataclasses import replace

import pytest

from backend.model.holder import Holder, HolderKind
from backend.model.host import HolderScan, Weakness
from backend.present.view import View
from tests.tui.builders import make_host, make_pf, make_pfs, pf_address, with_devices
from tests.tui.screens import screen
from tui.screens.detail import DetailScreen
from tui.widgets.detail_pane import DetailPane
from tui.widgets.status_bar import StatusBar

HOST = make_pfs(3, 4)
PFS = [str(pf_address(n)) for n in range(3)]
VFS = [str(vf) for vf in HOST.devices[pf_address(0)].sriov.vfs]  # type: ignore[union-attr]


async def test_the_host_is_shown_with_its_counts_and_badge() -> None:
    async with screen(HOST) as s:
        first = s.lines()[0]
        for words in ("iovtop", "hv07", "3 PF", "12 VF", "0 mdev", "15 groups", "1 VM ", "READ-ONLY", "1 s", "live"):
            assert words in first
        assert "SIMULATED" not in s.text()
        assert PFS[0] in s.text()
        assert "passthrough" in s.text()


async def test_keys_move_the_cursor_and_fold_rows() -> None:
    async with screen(HOST) as s:
        await s.press("j", "down")
        assert s.cursor == VFS[1]
        await s.press("k", "h")
        assert s.cursor == PFS[0]
        await s.press("left")
        assert VFS[0] not in s.tree.rows.keys  # the detail beside it may still be the VF's
        await s.press("right")
        assert VFS[0] in s.text()
        await s.press("l")
        assert s.cursor == VFS[0]
        await s.press("G")
        assert s.cursor == s.tree.rows.keys[-1]
        await s.press("g")
        assert s.cursor == PFS[0]
        await s.press("end", "home", "pagedown", "pageup", "ctrl+d", "ctrl+u")
        assert s.cursor == PFS[0]


async def test_the_cursor_stays_on_its_device_when_rows_come_and_go_above() -> None:
    async with screen(HOST, (120, 12)) as s:
        await s.press(*["j"] * 9)
        cursor = s.cursor
        line = s.tree.rows.position - s.tree.rows.top
        await s.give(with_devices(HOST, without=VFS))
        assert s.cursor == cursor
        await s.give(HOST)
        assert s.cursor == cursor
        assert s.tree.rows.position - s.tree.rows.top == line


async def test_a_vanished_row_is_told_and_its_neighbour_gets_the_cursor() -> None:
    async with screen(HOST) as s:
        await s.press("j", "j")
        await s.give(with_devices(HOST, without=[VFS[1]]))
        await s.until(lambda: f"{VFS[1]} is gone" in s.main.query_one(StatusBar).text)
        assert s.cursor == VFS[2]


async def test_views_and_jumps_between_them() -> None:
    async with screen(HOST) as s:
        await s.press("j", "2")
        assert s.view() is View.GROUPS
        assert "GROUP" in s.text()
        await s.press("3")
        assert "vm-0" in s.text()
        await s.press("1")
        assert s.cursor == VFS[0]
        await s.press("J")
        assert s.view() is View.HOLDERS
        assert s.cursor == f"holder:vm:4000/{VFS[0]}"
        await s.press("I")
        assert s.view() is View.GROUPS
        await s.press("l", "D")
        assert (s.view(), s.cursor) == (View.DEVICES, VFS[0])
        await s.press("P")
        assert s.cursor == PFS[0]
        await s.press("P")
        assert "has no parent" in s.main.query_one(StatusBar).text


async def test_the_detail_follows_the_cursor_beside_the_tree() -> None:
    async with screen(HOST) as s:
        pane = s.main.query_one("#pane", DetailPane)
        await s.press("j")
        await s.until(lambda: VFS[0] in pane.text, "the detail")
        await s.until(lambda: "vfio-pci" in pane.text and "driver override" in pane.text, "the guarded facts")
        await s.press("enter")
        assert s.focused() is pane
        await s.press("escape")
        assert s.focused() is s.tree


async def test_the_detail_is_a_screen_of_its_own_where_there_is_no_room() -> None:
    async with screen(HOST, (80, 24)) as s:
        await s.press("j", "enter")
        assert isinstance(s.app.screen, DetailScreen)
        await s.until(lambda: "passthrough" in s.text())
        await s.give(with_devices(HOST, replace(HOST.devices[VFS[0]], driver="other")))  # type: ignore[index]
        await s.until(lambda: "other" in s.text(), "the change")
        await s.press("escape")
        assert s.focused() is s.tree


async def test_a_device_that_does_not_answer_holds_up_nothing() -> None:
    async with screen(HOST) as s:
        s.live.hang = True
        await s.press("j")
        await s.until(lambda: VFS[0] in s.live.asked, "the question")
        await s.until(lambda: "asking" in s.text())
        await s.press("j", "j")
        assert s.cursor == VFS[2]


async def test_only_what_is_on_the_screen_is_read_at_each_tick() -> None:
    async with screen(make_pfs(8, 16), (120, 14)) as s:
        await s.until(lambda: s.live.visible, "the visible devices")
        assert s.live.visible == {str(key) for key in s.tree.rows.on_screen()}
        before = s.live.visible
        await s.press("pagedown")
        await s.until(lambda: s.live.visible != before)


async def test_findings_and_weaknesses_stand_in_a_line_that_hides_when_there_are_none() -> None:
    weak = Weakness("noiommu", "VFIO runs without an IOMMU", "enable_unsafe_noiommu_mode=Y", "turn it off")
    async with screen(replace(HOST, weaknesses=(weak,))) as s:
        assert "1 finding" in s.lines()[1]
        assert "without an IOMMU" in s.lines()[1]
    async with screen(HOST) as s:
        assert "finding" not in s.text()


@pytest.mark.parametrize(
    ("host", "words"),
    [
        (None, ("reading",)),
        (make_host(), ("no PF, VF or mdev here", "--sim lab")),
    ],
)
async def test_states_without_rows_have_texts_of_their_own(host: object, words: tuple[str, ...]) -> None:
    async with screen(host) as s:  # type: ignore[arg-type]
        for word in words:
            assert word in s.text()


async def test_no_holder_seen_says_why() -> None:
    hidden = replace(make_host(), holder_scan=HolderScan(False, 12, "12 processes belong to others: needs root"))
    async with screen(hidden) as s:
        await s.press("3")
        assert "needs root" in s.text()


async def test_a_session_that_ends_keeps_the_rows_and_says_so() -> None:
    async with screen(HOST) as s:
        s.live.fail(OSError(5, "Input/output error", "/sys"))
        await s.until(lambda: "not live any more: /sys: Input/output error" in s.text())
        assert "error" in s.lines()[0]
        assert PFS[0] in s.text()


async def test_a_picture_that_ages_is_called_stale() -> None:
    async with screen(HOST) as s:
        s.live.status.last_update -= 1e6 + 60
        await s.until(lambda: "stale 6" in s.lines()[0])


@pytest.mark.parametrize("size", [(1, 1), (2, 3), (5, 40), (33, 24), (200, 2), (34, 6), (80, 24), (119, 30), (250, 70)])
async def test_no_size_is_too_small_to_survive(size: tuple[int, int]) -> None:
    simulated = replace(HOST, source="simulated")
    async with screen(simulated, size) as s:
        await s.press("j", "slash", "v", "escape", "2", "question_mark", "escape")
        assert all(len(line) <= size[0] for line in s.lines())
        assert s.app.is_running
        if size[0] >= 11:
            assert "SIMULATED" in s.text()


async def test_a_screen_that_is_made_smaller_keeps_the_cursor() -> None:
    async with screen(HOST) as s:
        await s.press(*["j"] * 12)
        cursor = s.cursor
        for size in ((40, 8), (10, 2), (120, 36), (80, 24)):
            await s.pilot.resize_terminal(*size)
            await s.pilot.pause()
            assert s.cursor == cursor
        assert cursor in s.text()


async def test_quitting_closes_the_session() -> None:
    async with screen(HOST) as s:
        await s.press("q")
        await s.until(lambda: not s.app.is_running or s.app._exit, "the end")
    assert s.live.closed
    assert s.app.return_code == 0


async def test_news_while_the_screen_is_taken_down_are_no_fault() -> None:
    async with screen(HOST) as s:
        news = with_devices(HOST, replace(HOST.devices[pf_address(0)], driver="other"), without=VFS[1:])
        await s.main.query("*").remove()  # what leaving begins with
        s.live.give(news)
        await s.until(lambda: s.main.viewing.host is news, "the news")
        s.main.show_viewing()
        s.live.fail(OSError("gone"))
        await s.until(lambda: s.main.error, "the end of the session")
        s.app.exit()
    assert s.app.fault == ""
    assert s.app.return_code == 0


async def test_markup_in_names_is_text() -> None:
    evil = Holder(HolderKind.VM, "[/magenta]x[@click=app.quit]", pid=4000)
    pf, vf = make_pf(0, 1)
    async with screen(make_host([pf, replace(vf, holders=(evil,), name="[b]bold[/")])) as s:
        await s.press("j")
        await s.until(lambda: "[/magenta]x" in s.text())
        await s.press("3", "enter", "escape")
        assert "[/magenta]x" in s.text()
