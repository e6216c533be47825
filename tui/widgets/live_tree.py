"""The live tree: draws only the rows on the screen, and of these only the ones that look different."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from time import monotonic

from textual import events
from textual.geometry import Region
from textual.message import Message
from textual.scroll_view import ScrollView
from textual.strip import Strip
from textual.timer import Timer

from backend.present.columns import RATE_COLUMNS, Cell
from backend.present.details import title_of
from backend.present.tree import Row
from backend.present.view import View
from tui.actions import Scope, bindings
from tui.term.theming import Skin
from tui.viewing import Update, Viewing
from tui.widgets.extent import set_extent
from tui.widgets.immediate import Immediate
from tui.widgets.marks import Marks
from tui.widgets.notice import notice_line
from tui.widgets.row_painter import Face, RowPainter, is_strong
from tui.widgets.span import changed_span
from tui.widgets.tree_keys import TreeKeys
from tui.widgets.tree_rows import TreeRows

_ALWAYS_MOVING = frozenset(column.id for column in RATE_COLUMNS)
"""Columns in which a change is no news."""


class LiveTree(TreeKeys, Immediate, ScrollView, can_focus=True):
    """The rows of a view."""

    BINDINGS = bindings(Scope.TREE)
    ALLOW_SELECT = False
    DEFAULT_CSS = """
    LiveTree { height: 1fr; width: 1fr; overflow-x: hidden; overflow-y: auto; scrollbar-size: 0 1; }
    LiveTree.-ascii { scrollbar-size: 0 0; }
    """

    @dataclass
    class CursorMoved(Message):
        """The cursor is on another row, or the row under it changed."""

        key: str

    @dataclass
    class DetailAsked(Message):
        """The detail of the row is asked for."""

        key: str

    @dataclass
    class RowVanished(Message):
        """The row under the cursor went away, and the cursor to another."""

        name: str

    @dataclass
    class ScreenfulChanged(Message):
        """Other rows are on the screen than before."""

    @dataclass
    class ColumnsChanged(Message):
        """The columns are other ones, or as wide as they were not before."""

    def __init__(self, skin: Skin, *, id: str | None = None) -> None:
        super().__init__(id=id)
        self.skin = skin
        self.painter = RowPainter(skin)
        self.view = View.DEVICES
        self._trees = {view: TreeRows() for view in View}
        self.rows = self._trees[self.view]
        self.picked: set[str] = set()
        self._last_picked = ""
        self._marks = Marks()
        self._unmark: Timer | None = None
        self._old = False
        self._painted: list[Face | None] = []
        self._notice: tuple[str, ...] = ()
        self._said: tuple[str, ...] = ()
        self.set_class(skin.glyphs.name == "ascii", "-ascii")

    @property
    def cursor_row(self) -> Row | None:
        """The row under the cursor."""
        return self.rows.row(self.rows.cursor)

    def screen_rows(self) -> list[Row]:
        """Return the rows on the screen."""
        rows = (self.rows.row(key) for key in self.rows.on_screen())
        return [row for row in rows if row is not None]

    def chosen(self) -> dict[View, dict[str, bool]]:
        """Return the rows that were opened or closed by hand, by view."""
        return {view: choices for view, rows in self._trees.items() if (choices := rows.chosen())}

    def choose(self, choices: Mapping[View, Mapping[str, bool]]) -> None:
        """Open and close these rows when their view is shown for the first time."""
        for view, chosen in choices.items():
            self._trees[view].choose(chosen)

    # ---- what there is

    def present(self, viewing: Viewing) -> None:
        """Show a view from the beginning: another view, another filter."""
        self._marks.clear()
        self.view = viewing.view
        self.rows = self._trees[self.view]
        if viewing.shown is not None:
            self.rows.height = max(1, self.size.height)
            self.rows.show(viewing.shown, matches=bool(viewing.query))
        self.painter.forget_cells()
        self._settle()

    def update(self, viewing: Viewing, update: Update, *, mark: bool = True) -> None:
        """Follow the host: repaint what looks different now, and mark it for a while."""
        if viewing.shown is None:
            return
        rows, painter = self.rows, self.painter
        before = {face.key: face.cells for face in self._painted if face is not None}
        cursor, name = rows.cursor, self._name_of_cursor()
        if update.laid_out:
            rows.show(viewing.shown, matches=bool(viewing.query))
            painter.forget_cells()
        else:
            rows.replace(viewing.shown)
            for key in update.keys:
                painter.forget_cells(key)
        if mark:
            self._mark_changes(before, update)
        self._settle()
        if cursor and cursor not in viewing.shown.rows:
            self.post_message(self.RowVanished(name))

    def say(self, *lines: str) -> None:
        """Show these lines while there are no rows: a headline, then hints."""
        if lines != self._notice:
            self._notice = lines
            if not len(self.rows):
                self.refresh()

    def fade(self, old: bool) -> None:
        """Draw the rows as what was so some time ago, or as what is."""
        if old != self._old:
            self._old = old
            self._settle()

    def restyle(self) -> None:
        """Draw everything anew in the skin's present look."""
        self._settle()
        self.refresh()

    def remark(self, words: Mapping[int, Cell]) -> None:
        """Say these words in the rows of the holders with these processes."""
        if words != self.painter.remarks:
            self.painter.remarks = words
            self.painter.forget_cells()
            self._settle()

    def _name_of_cursor(self) -> str:
        row = self.cursor_row
        return title_of(row)[0] if row is not None else ""

    def _mark_changes(self, before: dict[str, tuple[Cell, ...]], update: Update) -> None:
        projection = self.rows.projection
        if projection is None:
            return
        now = monotonic()
        ids = self.painter.column_ids
        for key in self.rows.on_screen():
            known = before.get(key)
            if known is None:
                if key in update.added:
                    self._marks.add(key, (ids[0],), now)
            elif update.laid_out or key in update.keys:
                cells = self.painter.cells(projection, projection.rows[key])
                changed = (
                    [ids[i] for i, cell in enumerate(cells) if cell != known[i] and ids[i] not in _ALWAYS_MOVING]
                    if cells != known
                    else []
                )
                if changed:
                    self._marks.add(key, changed, now)
        self._arm(self._marks.expire(now))

    def _arm(self, until: float | None) -> None:
        if until is not None and self._unmark is None:
            self._unmark = self.set_timer(max(0.05, until - monotonic()), self._take_marks_away)

    def _take_marks_away(self) -> None:
        self._unmark = None
        until = self._marks.expire(monotonic() + 0.02)
        self._settle()
        self._arm(until)

    # ---- painting

    def _settle(self) -> None:
        """After any change of the rows: bring size, scroll bar and screen up to date, without a layout."""
        rows = self.rows
        other_columns = self.painter.prepare(self.view, max(1, self.size.width), old=self._old)
        if other_columns:
            self.post_message(self.ColumnsChanged())
        set_extent(self, len(rows), rows.top)
        faces = self._faces()
        old, self._painted = self._painted, faces
        if other_columns or len(old) != len(faces) or bool(len(rows)) != any(old):
            self.refresh()
        else:
            changed = [self._changed(y, old[y], face) for y, face in enumerate(faces) if face != old[y]]
            if changed:
                self.refresh(*changed)
        seen = tuple(rows.on_screen())
        if seen != self._said:
            self._said = seen
            self.post_message(self.ScreenfulChanged())

    def _changed(self, y: int, before: Face | None, after: Face | None) -> Region:
        """Return what of a line must be drawn: one region, for a line with two would be sent twice."""
        if before is None or after is None:
            return Region(0, y, self.size.width, 1)
        first, end = changed_span(self.painter.strip(before), self.painter.strip(after))
        return Region(first, y, max(1, end - first), 1)

    def _faces(self) -> list[Face | None]:
        height = self.size.height
        return [self._face(position) for position in range(self.rows.top, self.rows.top + height)]

    def _face(self, position: int) -> Face | None:
        rows = self.rows
        if position >= len(rows.keys) or rows.projection is None:
            return None
        key = rows.keys[position]
        row = rows.projection.rows[key]
        ground = ""
        if key == rows.cursor:
            ground = "cursor" if self.has_focus else "cursor-blurred"
        fold = "" if not rows.foldable(key) else "open" if rows.is_open(key) else "closed"
        cells = self.painter.cells(rows.projection, row)
        picked = bool(self.picked) and name_of(row) in self.picked
        return Face(key, rows.guides[position], fold, ground, is_strong(row), cells, self._marks.of(key), picked)

    def render_line(self, y: int) -> Strip:
        """Draw line ``y`` of the screen."""
        if not len(self.rows):
            return notice_line(self._notice, y, self.size, self.skin)
        if y < len(self._painted) and self.size.width == self.painter.width:
            face = self._painted[y]
            if face is not None:
                return self.painter.strip(face)
        return Strip.blank(self.size.width, self.skin.look.base)

    # ---- what the operator marks

    def picked_rows(self) -> list[Row]:
        """Return the marked rows that are there, each name once, in their order."""
        projection = self.rows.projection
        rows = projection.rows.values() if projection is not None and self.picked else ()
        found: dict[str, Row] = {}
        for row in rows:
            if (name := name_of(row)) in self.picked:
                found.setdefault(name, row)
        return list(found.values())

    def pick(self) -> None:
        """Mark the row under the cursor, or take its mark away, and go on to the next row."""
        row = self.cursor_row
        if row is not None:
            name = name_of(row)
            self.picked ^= {name}
            self._last_picked = row.key
            self.rows.move(1)
            self.moved()

    def pick_range(self) -> None:
        """Mark the visible rows from the last one marked to the cursor."""
        rows = self.rows
        start = rows.index.get(self._last_picked, rows.position)
        first, last = sorted((start, rows.position))
        found = (rows.row(key) for key in rows.keys[first : last + 1])
        self.picked |= {name_of(row) for row in found if row is not None}
        self._last_picked = rows.cursor
        self.moved()

    def pick_all(self) -> None:
        """Mark every device of the view, as far as the filter leaves them."""
        projection = self.rows.projection
        if projection is not None:
            self.picked |= {name_of(row) for row in projection.rows.values() if row.device is not None}
            self.moved()

    def drop_picked(self, gone: Iterable[str]) -> bool:
        """Forget the marks of what is gone: what comes in its place is something else. Return whether any was."""
        before = len(self.picked)
        self.picked.difference_update(gone)
        return len(self.picked) != before

    def pick_none(self) -> None:
        """Take all marks away."""
        self.picked.clear()
        self.moved()

    # ---- what the operator does

    def moved(self) -> None:
        """Bring the screen up to date after the cursor moved, or a row opened or closed."""
        self._settle()
        self.post_message(self.CursorMoved(self.rows.cursor))

    def action_detail(self) -> None:
        """Ask for the detail of the row."""
        if self.rows.cursor:
            self.post_message(self.DetailAsked(self.rows.cursor))

    def reveal(self, key: str) -> bool:
        """Put the cursor on ``key``, opening what is above it."""
        found = self.rows.reveal(key)
        self.moved()
        return found

    def to_match(self) -> None:
        """Put the cursor on a row that the filter found, unless it is on one."""
        if self.rows.to_match():
            self.moved()

    def on_resize(self, event: events.Resize) -> None:
        """Take the new size, keeping the cursor in sight."""
        self.rows.resize(event.size.height)
        self._settle()
        self.refresh()

    def watch_has_focus(self, has_focus: bool) -> None:
        """Show the cursor as active or not."""
        super().watch_has_focus(has_focus)
        self._settle()

    def watch_scroll_y(self, old_value: float, new_value: float) -> None:
        """Follow the wheel and the scroll bar."""
        if self.show_vertical_scrollbar:
            self.vertical_scrollbar.position = new_value
        if round(new_value) != self.rows.top:
            self.rows.scroll_to(round(new_value))
            self._settle()


def name_of(row: Row) -> str:
    """Return what marks hold on to: a device's id, wherever it stands, else the row's key."""
    return str(row.device.id) if row.device is not None else row.key
