"""The line above the tree."""

from __future__ import annotations

from textual.strip import Strip
from textual.widget import Widget

from backend.present.sorting import Order
from tui.widgets.row_painter import RowPainter


class ColumnTitles(Widget):
    """The titles of the columns, as the tree's painter lays them out."""

    DEFAULT_CSS = "ColumnTitles { height: 1; width: 1fr; }"

    def __init__(self, painter: RowPainter, *, id: str | None = None) -> None:
        super().__init__(id=id)
        self._painter = painter
        self._order: Order | None = None

    def show(self, order: Order | None) -> None:
        """Show by which column the rows are ordered."""
        if order != self._order:
            self._order = order
            self.refresh()

    def render_line(self, y: int) -> Strip:
        """Draw the titles."""
        return self._painter.titles(self._order).adjust_cell_length(self.size.width, self._painter.ground)
