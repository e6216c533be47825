"""From a row to a strip of text."""

from __future__ import annotations

from collections.abc import Mapping
from typing import NamedTuple

from rich.segment import Segment
from rich.style import Style
from textual.cache import LRUCache
from textual.strip import Strip

from backend.model.device import Device, DeviceKind
from backend.model.holder import Holder
from backend.present.columns import Cell, Column, Role
from backend.present.columns import cells as cells_of
from backend.present.sorting import Order
from backend.present.tree import Projection, Row
from backend.present.view import View
from tui.term.theming import Skin
from tui.widgets.cells import pad, shorten, shorten_middle, shorten_telling, width_of
from tui.widgets.column_widths import Layout, layout_for
from tui.widgets.tree_rows import BLANK, BRANCH, LAST, PIPE

_NAMES = frozenset({Role.VM, Role.HELD})
"""Roles of names, whose ends tell them apart."""


class Face(NamedTuple):
    """Everything that tells how a row looks: two rows with the same face are drawn alike."""

    key: str
    guide: str
    fold: str
    """``open``, ``closed`` or "" for a row without children."""
    ground: str
    """``cursor`` or ``cursor-blurred`` for the row under the cursor, else ""."""
    strong: bool
    """Whether its name stands out: PFs."""
    cells: tuple[Cell, ...]
    """What it is called, a few words more, and one for each further column."""
    marks: frozenset[str]
    """Ids of the columns that changed a moment ago."""
    picked: bool = False
    """Whether the operator marked the row."""


class RowPainter:
    """Draws rows at one width, and remembers what it drew.

    Args:
        remembered: how many rows; several screens of them, and no more: with what Textual keeps beside it, one takes
            two kilobytes, and a row whose counters go on never looks the same again.
    """

    def __init__(self, skin: Skin, remembered: int = 256) -> None:
        self._skin = skin
        self._strips: LRUCache[Face, Strip] = LRUCache(remembered)
        self._cells: LRUCache[str, tuple[Row, tuple[Cell, ...]]] = LRUCache(remembered)
        self._drawn_for: tuple[View, int, int, bool] | None = None
        self._old = False
        self.layout: Layout = layout_for(View.DEVICES, 1)
        self.width = 1
        self.remarks: Mapping[int, Cell] = {}
        """Process of a holder → what its row says in the place of a few words more."""

    def prepare(self, view: View, width: int, *, old: bool = False) -> bool:
        """Draw for this view, width and theme from now on, faded when ``old``; return whether that is new."""
        wanted = (view, width, self._skin.serial, old)
        if wanted == self._drawn_for:
            return False
        self._drawn_for = wanted
        self._old = old
        # One cell is the cursor's bar, one the scroll bar's, whether it is there or not.
        self.layout = layout_for(view, width - 2)
        self.width = width
        self._strips.clear()
        self._cells.clear()
        return True

    def forget_cells(self, key: str | None = None) -> None:
        """Make the cells of a row, or of all rows, anew when they are asked for."""
        if key is None:
            self._cells.clear()
        else:
            self._cells.discard(key)

    def cells(self, projection: Projection, row: Row) -> tuple[Cell, ...]:
        """Return the cells of a row."""
        known = self._cells.get(row.key)
        if known is not None and known[0] is row:
            return known[1]
        columns = (self.layout.columns[0], self.layout.what, *self.layout.columns[1:])
        made = cells_of(projection.host, row, columns, self._skin.glyphs)
        if not made[1].text and self.layout.name is not None:
            made = (made[0], self.layout.name.cell(projection.host, row, self._skin.glyphs), *made[2:])
        remark = self.remarks.get(row.subject.pid or 0) if isinstance(row.subject, Holder) else None
        if remark is not None:
            made = (made[0], remark, *made[2:])
        self._cells[row.key] = (row, made)
        return made

    @property
    def column_ids(self) -> tuple[str, ...]:
        """The ids of the columns beside the cells of ``cells``."""
        return (self.layout.columns[0].id, self.layout.what.id, *(column.id for column in self.layout.columns[1:]))

    @property
    def ground(self) -> Style:
        """What lies behind the titles."""
        return self._skin.look.part("column-title")

    def strip(self, face: Face) -> Strip:
        """Return the row, drawn."""
        strip = self._strips.get(face)
        if strip is None:
            strip = self._strips[face] = self._draw(face)
        return strip

    def titles(self, order: Order | None = None) -> Strip:
        """Return the titles of the columns, drawn, the one that orders the rows with an arrow."""
        style = self.ground
        text = " " + "".join(pad(shorten(self._title(c, order), c.width, ""), c.width + 1) for c in self.layout.columns)
        return Strip([Segment(shorten(text, self.width, ""), style)]).adjust_cell_length(self.width, style)

    def _title(self, column: Column, order: Order | None) -> str:
        if order is None or order.column != column.id:
            return column.title
        return f"{column.title} {self._skin.glyphs.down if order.reverse else self._skin.glyphs.up}"

    def _draw(self, face: Face) -> Strip:
        look, glyphs, ground = self._skin.look, self._skin.glyphs, face.ground
        plain = look.part("base", ground) if ground else look.base
        rest = glyphs.stale if self._old else " "
        bar = Segment(glyphs.cursor if ground else rest, look.part("cursor-bar", ground) if ground else plain)
        if face.picked:
            bar = Segment(glyphs.marked, look.part("cursor-bar", ground))
        columns = [*zip(face.cells[2:], self.layout.columns[1:], strict=True)]
        width = self.layout.columns[0].width
        while columns and not columns[0][0].text and columns[0][1].id not in face.marks:
            width += columns.pop(0)[1].width + 1
        segments = [bar, *self._name(face, width)]
        for cell, column in columns:
            segments += self._cell(cell, column, column.id in face.marks, ground)
        if self._old:
            faded = look.role(Role.STALE, ground)
            segments = [bar, *(Segment(segment.text, faded) for segment in segments[1:])]
        return Strip(segments).adjust_cell_length(self.width, plain).simplify()

    def _name(self, face: Face, width: int) -> list[Segment]:
        """Draw the first column, and empty ones behind it: guide, fold sign, name, and what fits of the words."""
        look, glyphs, ground = self._skin.look, self._skin.glyphs, face.ground
        first, what = face.cells[0], face.cells[1]
        signs = {PIPE: glyphs.pipe, BLANK: " ", BRANCH: glyphs.branch, LAST: glyphs.last}
        guide = "".join(f"{signs[level]} " for level in face.guide)
        fold = {"open": f"{glyphs.open} ", "closed": f"{glyphs.closed} "}.get(face.fold, "" if guide else "  ")
        guide, fold = guide[:width], fold[: max(0, width - len(guide))]
        room = width - len(guide) - len(fold)
        changed = "device" in face.marks or "what" in face.marks
        name = shorten_middle(first.text, room, glyphs.ellipsis)
        style = look.part("pf", ground) if face.strong else look.role(first.role, ground)
        segments = [Segment(guide, look.part("guide", ground)), Segment(fold, look.part("fold", ground))]
        room -= width_of(name)
        words = ""
        if room > 2 and what.text:
            words = " " + shorten_telling(what.text, room - 1, glyphs.ellipsis)
            room -= width_of(words)
        if not words:
            return [*segments, *self._padded(name, style, room + 1, changed, ground)]
        segments.append(Segment(name, style + look.part("changed", ground) if changed else style))
        return [*segments, *self._padded(words, look.role(what.role, ground), room + 1, changed, ground)]

    def _cell(self, cell: Cell, column: Column, changed: bool, ground: str) -> list[Segment]:
        cut = shorten_telling if cell.role in _NAMES else shorten
        text = cut(cell.text, column.width, self._skin.glyphs.ellipsis)
        style = self._skin.look.role(cell.role, ground)
        return self._padded(text, style, column.width - width_of(text) + 1, changed, ground)

    def _padded(self, text: str, style: Style, blanks: int, changed: bool, ground: str) -> list[Segment]:
        """Draw a text and the blanks behind it; between them the sign that it changed a moment ago.

        Text and blanks share a segment, though only the text needs the style: that halves what a row sends.
        """
        if not changed:
            return [Segment(text + " " * blanks, style)]
        look = self._skin.look
        mark = Segment(self._skin.glyphs.changed, look.part("changed-mark", ground))
        plain = look.part("base", ground) if ground else look.base
        return [Segment(text, style + look.part("changed", ground)), mark, Segment(" " * (blanks - 1), plain)]


def is_strong(row: Row) -> bool:
    """Return whether a row's name stands out among its neighbours."""
    return isinstance(row.subject, Device) and row.subject.kind is DeviceKind.PF
