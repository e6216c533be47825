"""What is sent to the terminal: rows that look different, and nothing else."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from unittest.mock import patch

from hypothesis import given
from hypothesis import strategies as st
from rich.console import Console
from rich.segment import Segment
from rich.style import Style
from textual._compositor import ChopsUpdate
from textual.geometry import Region
from textual.strip import Strip

from backend.model.device import Device
from backend.model.ids import PciAddress
from tests.tui.builders import make_pfs, pf_address, with_devices
from tests.tui.screens import Screen, screen
from tests.tui.terminal_screen import shown
from tui.term.cropping import crop_changes
from tui.widgets.live_tree import LiveTree
from tui.widgets.marks import LASTS, Marks
from tui.widgets.span import changed_span

HOST = make_pfs(8, 16)
VFS = HOST.devices[pf_address(0)].sriov.vfs  # type: ignore[union-attr]


@contextmanager
def refreshes(tree: LiveTree) -> Iterator[list[Region]]:
    """Collect the regions that are painted again; a whole refresh counts as the whole tree."""
    regions: list[Region] = []
    genuine = LiveTree.refresh

    def refresh(self: LiveTree, *asked: Region, **options: bool) -> LiveTree:
        if self is tree and options.get("repaint", True):
            regions.extend(asked or [self.size.region])
        return genuine(self, *asked, **options)

    with patch.object(LiveTree, "refresh", refresh):
        yield regions


def changed(device_id: PciAddress, driver: str) -> Device:
    return replace(HOST.devices[device_id], driver=driver)


async def quiet(s: Screen) -> None:
    await s.until(lambda: s.main.settled)


async def test_one_changed_row_is_one_region() -> None:
    async with screen(HOST, (80, 14)) as s:
        await quiet(s)
        with refreshes(s.tree) as regions:
            await s.give(with_devices(HOST, changed(VFS[2], "other")))
        (region,) = regions
        assert (region.y, region.height) == (3, 1)
        assert region.width < 20, "no more than the cell that changed"
        assert "other*" in s.text()


WORDS = st.lists(st.sampled_from(("a", "b", " ", "é", "漢", "─", "e\u0301")), max_size=8).map("".join)
LINES = st.lists(st.tuples(WORDS, st.sampled_from((None, Style(bold=True)))), max_size=4)


@given(LINES, LINES)
def test_only_what_differs_of_a_line_is_sent_and_the_line_is_right(
    before: list[tuple[str, Style | None]], after: list[tuple[str, Style | None]]
) -> None:
    crop_changes()
    console = Console(force_terminal=True)
    old, new = (Strip([Segment(*part) for part in parts]).adjust_cell_length(24) for parts in (before, after))
    first, end = changed_span(old, new)
    sent = ChopsUpdate([{0: new}], [(0, first, end)], [[24]]).render_segments(console) if first < end else ""
    assert shown(f"\x1b[H{old.render(console)}{sent}".encode(), 24, 1) == [new.text.rstrip()]


async def test_a_change_that_cannot_be_seen_paints_nothing() -> None:
    async with screen(HOST, (80, 14)) as s:
        await quiet(s)
        with refreshes(s.tree) as regions:
            off_screen = HOST.devices[pf_address(7)]
            await s.give(with_devices(HOST, replace(off_screen, driver="other")))
            no_column = replace(HOST.devices[VFS[0]], power="suspended")
            await s.give(with_devices(HOST, no_column))
        assert regions == []


async def test_rows_that_come_below_the_screen_paint_nothing_of_the_tree() -> None:
    fewer = with_devices(HOST, without=[str(pf_address(7))])
    async with screen(fewer, (80, 14)) as s:
        await quiet(s)
        with refreshes(s.tree) as regions:
            await s.give(HOST)
        assert regions == []
        assert s.tree.virtual_size.height == len(s.tree.rows)


async def test_rows_that_come_above_the_screen_leave_it_as_it_is() -> None:
    fewer = with_devices(HOST, without=[str(vf) for vf in VFS[2:6]])
    async with screen(fewer, (80, 14)) as s:
        await s.press("pagedown", "pagedown", "pagedown")
        await quiet(s)
        before = [line[:79] for line in s.lines()[2:12]]
        with refreshes(s.tree) as regions:
            await s.give(HOST)
        assert regions == []
        assert [line[:79] for line in s.lines()[2:12]] == before


async def test_a_row_that_goes_repaints_from_there_on() -> None:
    async with screen(HOST, (80, 14)) as s:
        await quiet(s)
        with refreshes(s.tree) as regions:
            await s.give(with_devices(HOST, without=[str(VFS[4])]))
        assert {region.y for region in regions} <= set(range(5, 14))
        assert all(region.height == 1 for region in regions)


async def test_the_mark_of_a_change_goes_by_itself() -> None:
    async with screen(HOST, (80, 14)) as s:
        await s.give(with_devices(HOST, changed(VFS[2], "other")))
        assert "other*" in s.text()
        await s.until(lambda: "other*" not in s.text(), "the end of the mark")
        assert "other" in s.text()


async def test_a_new_row_is_marked() -> None:
    fewer = with_devices(HOST, without=[str(VFS[2])])
    async with screen(fewer, (80, 14)) as s:
        assert "*" not in s.text()
        await s.give(HOST)
        assert f"{VFS[2]} vf2*" in s.text()


def test_marks_end_one_after_the_other() -> None:
    marks = Marks()
    marks.add("a", ["driver"], 0.0)
    marks.add("a", ["path"], 1.0)
    assert marks.of("a") == {"driver", "path"}
    assert marks.expire(LASTS) == 1.0 + LASTS
    assert marks.of("a") == {"path"}
    assert marks.expire(1.0 + LASTS) is None
    assert not marks


async def test_the_tree_of_twenty_thousand_rows_draws_only_a_screenful() -> None:
    async with screen(make_pfs(156, 127), (120, 40)) as s:
        assert len(s.main.viewing.shown.rows) == 19968  # type: ignore[union-attr]
        drawn: list[str] = []
        genuine = s.tree.painter._draw

        def draw(face: object) -> object:
            drawn.append(str(face))
            return genuine(face)  # type: ignore[arg-type]

        with patch.object(s.tree.painter, "_draw", draw):
            await s.press("G", "g", "l", "G")
        assert len(drawn) < 5 * 40
