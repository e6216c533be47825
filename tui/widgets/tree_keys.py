"""What keys and mouse do in the tree."""

from __future__ import annotations

from abc import abstractmethod

from textual import events
from textual.widget import Widget

from tui.widgets.tree_rows import TreeRows


class TreeKeys(Widget):
    """The actions of ``Scope.TREE``, on whatever holds rows."""

    rows: TreeRows

    @abstractmethod
    def moved(self) -> None:
        """Bring the screen up to date after the cursor moved, or a row opened or closed."""

    def action_move(self, rows: int) -> None:
        """Move the cursor."""
        self.rows.move(rows)
        self.moved()

    def action_page(self, direction: int) -> None:
        """Move by a page."""
        self.rows.page(direction * max(1, self.rows.height - 1))
        self.moved()

    def action_half(self, direction: int) -> None:
        """Move by half a page."""
        self.rows.page(direction * max(1, self.rows.height // 2))
        self.moved()

    def action_edge(self, direction: int) -> None:
        """Go to the first or the last row."""
        self.rows.put_cursor(0 if direction < 0 else len(self.rows) - 1)
        self.moved()

    def action_collapse(self) -> None:
        """Close the row, or go to its parent."""
        self.rows.collapse()
        self.moved()

    def action_expand(self) -> None:
        """Open the row, or go to its first child."""
        self.rows.expand()
        self.moved()

    @abstractmethod
    def action_detail(self) -> None:
        """Read the detail of the row."""

    def on_click(self, event: events.Click) -> None:
        """Select the row; on its fold sign, open or close it; twice, read its detail."""
        rows, offset = self.rows, event.get_content_offset(self)
        if offset is None or rows.top + offset.y >= len(rows):
            return
        position = rows.top + offset.y
        rows.put_cursor(position)
        fold = 1 + 2 * len(rows.guides[position])
        if fold <= offset.x < fold + 2 and rows.foldable(rows.cursor):
            rows.set_open(rows.cursor, not rows.is_open(rows.cursor))
        elif event.chain == 2:
            self.action_detail()
        self.moved()
