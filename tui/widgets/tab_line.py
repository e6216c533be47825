"""The tabs above the detail."""

from __future__ import annotations

from dataclasses import dataclass

from textual import events
from textual.message import Message

from tui.detail_tabs import Tab
from tui.term.theming import Skin
from tui.widgets.cells import width_of
from tui.widgets.line import LineWidget, Piece


class TabLine(LineWidget):
    """The names of the tabs, the present one standing out."""

    DEFAULT_CSS = "TabLine { display: block; }"

    @dataclass
    class Turned(Message):
        """Another tab is asked for."""

        step: int

    def __init__(self, skin: Skin, *, id: str | None = None) -> None:
        super().__init__(skin, "base", id=id)
        self._tab = Tab.OVERVIEW

    def show(self, tab: Tab) -> None:
        """Show which tab is open."""
        self._tab = tab
        names = [Piece(f" {one.value} ", "title" if one is tab else "label", 0 if one is tab else 1) for one in Tab]
        self.say(names, [Piece("[ ] ", "label", 2)])

    def on_click(self, event: events.Click) -> None:
        """Open the tab that was clicked."""
        at = 0
        for number, tab in enumerate(Tab):
            at += width_of(tab.value) + 2
            if event.x < at:
                self.post_message(self.Turned(number - list(Tab).index(self._tab)))
                return
