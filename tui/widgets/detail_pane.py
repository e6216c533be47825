"""The detail of the row under the cursor."""

from __future__ import annotations

from dataclasses import dataclass

from rich.segment import Segment
from textual import events
from textual.geometry import Region
from textual.message import Message
from textual.scroll_view import ScrollView
from textual.strip import Strip

from backend.present.columns import Role
from tui.actions import Scope, bindings
from tui.term.theming import Skin
from tui.widgets.detail_lines import Detail, detail_lines
from tui.widgets.extent import set_extent
from tui.widgets.immediate import Immediate
from tui.widgets.span import changed_span


class DetailPane(Immediate, ScrollView, can_focus=True):
    """Sections of labelled lines. Only lines that differ are painted again."""

    BINDINGS = bindings(Scope.DETAIL)
    ALLOW_SELECT = False
    DEFAULT_CSS = """
    DetailPane { width: 1fr; height: 1fr; overflow-x: hidden; overflow-y: auto; scrollbar-size: 0 0; }
    """

    @dataclass
    class Left(Message):
        """The operator is done with the detail."""

    def __init__(self, skin: Skin, *, id: str | None = None) -> None:
        super().__init__(id=id)
        self._skin = skin
        self._detail: Detail | None = None
        self._strips: list[Strip] = []
        self._drawn_for = (0, -1)
        self._old = False
        self.set_class(skin.glyphs.name == "ascii", "-ascii")

    @property
    def text(self) -> str:
        """What the pane says, without looks."""
        return "\n".join(strip.text.rstrip() for strip in self._strips)

    def show(self, detail: Detail | None) -> None:
        """Show this detail; another row's begins at its top."""
        if detail == self._detail and self._drawn_for == (self.size.width, self._skin.serial):
            return
        other = detail is None or self._detail is None or detail.name != self._detail.name
        self._detail = detail
        self._draw()
        if other:
            self.scroll_to(y=0, animate=False, force=True)

    def fade(self, old: bool) -> None:
        """Draw the detail as what was so some time ago, or as what is."""
        if old != self._old:
            self._old = old
            self.refresh()

    def _draw(self) -> None:
        width = self.size.width
        self._drawn_for = (width, self._skin.serial)
        old = self._strips
        self._strips = detail_lines(self._detail, width, self._skin) if self._detail is not None and width else []
        lines, height = len(self._strips), self.size.height
        top = max(0, min(round(self.scroll_y), lines - height))
        moved = len(old) != lines or top != round(self.scroll_y)
        set_extent(self, lines, top)
        shown = range(top, min(top + height, lines))
        if moved:
            self.refresh()
        elif changed := [y for y in shown if old[y] != self._strips[y]]:
            self.refresh(*(self._changed(y - top, old[y], self._strips[y]) for y in changed))

    def _changed(self, y: int, before: Strip, after: Strip) -> Region:
        first, end = changed_span(before, after)
        return Region(first, y, max(1, end - first), 1)

    def restyle(self) -> None:
        """Draw everything anew in the skin's present look."""
        self._draw()
        self.refresh()

    def render_line(self, y: int) -> Strip:
        """Draw line ``y`` of the screen, with the bar that tells which part of the detail this is."""
        number, look, width = y + round(self.scroll_y), self._skin.look, self.size.width
        if number >= len(self._strips):
            return Strip.blank(width, look.base)
        strip = self._strips[number].adjust_cell_length(width, look.base)
        if self._old:
            strip = Strip([Segment(strip.text, look.role(Role.STALE))]).adjust_cell_length(width, look.base)
        height, lines = self.size.height, len(self._strips)
        if lines <= height or width < 2:
            return strip
        first = round(self.scroll_y) * height // lines
        if not first <= y <= first + height * height // lines:
            return strip
        return Strip.join([strip.crop(0, width - 1), Strip([Segment(self._skin.glyphs.bar, look.part("fold"))])])

    def on_resize(self, event: events.Resize) -> None:
        """Break lines anew."""
        if self._drawn_for[0] != self.size.width:
            self._draw()
        self.refresh()

    def action_scroll(self, lines: int) -> None:
        """Scroll by lines."""
        self.scroll_to(y=self.scroll_y + lines, animate=False, force=True)

    def action_scroll_page(self, direction: int) -> None:
        """Scroll by a page."""
        self.action_scroll(direction * max(1, self.size.height - 1))

    def action_scroll_edge(self, direction: int) -> None:
        """Go to the top or the bottom."""
        self.scroll_to(y=0 if direction < 0 else len(self._strips), animate=False, force=True)

    def action_leave(self) -> None:
        """Go back to the tree."""
        self.post_message(self.Left())
