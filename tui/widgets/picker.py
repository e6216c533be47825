"""A list of lines of which one is chosen, kept in sight however long the list is."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Generic, TypeVar

from rich.segment import Segment
from textual.strip import Strip
from textual.widget import Widget

from tui.term.theming import Skin

T = TypeVar("T")

Draw = Callable[[T, str, int], list[Segment]]
"""Gives the segments of an item's line, on a ground, in so many cells."""

STEPS = {"j": 1, "down": 1, "k": -1, "up": -1, "pagedown": 10, "pageup": -10, "g": -(10**6), "G": 10**6}
"""How far each key moves."""


class Picker(Widget, Generic[T]):
    """One line for each item."""

    DEFAULT_CSS = "Picker { height: 1fr; width: 1fr; }"

    def __init__(self, skin: Skin, items: Sequence[T], draw: Draw[T]) -> None:
        super().__init__()
        self._skin = skin
        self._items = items
        self._draw = draw
        self._top = 0
        self._place = 0

    def offer(self, items: Sequence[T]) -> None:
        """Show other items; the place stays where it is as far as there are so many."""
        if items != self._items:
            self._items = items
            self.move(0)

    @property
    def chosen(self) -> T | None:
        """The chosen item; None when there is none at all."""
        return self._items[self._place] if self._items else None

    def move(self, rows: int) -> None:
        """Go to another item, keeping it in sight."""
        self._place = max(0, min(self._place + rows, len(self._items) - 1))
        height = max(1, self.size.height)
        self._top = max(self._place - height + 1, min(self._top, self._place))
        self.refresh()

    def go_to(self, place: int) -> None:
        """Go to the item at ``place``."""
        self.move(place - self._place)

    def on_resize(self) -> None:
        """Keep the chosen item in sight."""
        self.move(0)

    def render_line(self, y: int) -> Strip:
        """Draw line ``y``."""
        look, width, number = self._skin.look, self.size.width, self._top + y
        if number >= len(self._items):
            return Strip.blank(width, look.base)
        here = number == self._place
        ground = "cursor" if here else ""
        bar = Segment(self._skin.glyphs.cursor if here else " ", look.part("cursor-bar", ground))
        strip = Strip([bar, *self._draw(self._items[number], ground, width - 1)])
        return strip.adjust_cell_length(width, look.part("base", ground))
