"""What can be done with a row: a short list over the screen."""

from __future__ import annotations

from collections.abc import Sequence

from rich.segment import Segment
from textual import events
from textual.app import ComposeResult
from textual.geometry import Size
from textual.screen import ModalScreen
from textual.strip import Strip
from textual.widget import Widget

from tui.layer import Layer
from tui.row_actions import RowAction
from tui.term.theming import Skin
from tui.widgets.cells import pad, shorten, width_of

_KEYS = 8
"""Cells for the key and the gap behind it."""

_HEAD = 2
"""Lines of the title and the blank below it."""


class MenuList(Widget, can_focus=True):
    """One line for each action: its key, its name, and why it cannot be done."""

    DEFAULT_CSS = "MenuList { width: auto; height: auto; }"

    def __init__(self, skin: Skin, title: str, choices: Sequence[RowAction]) -> None:
        super().__init__()
        self._skin = skin
        self._title = title
        self._choices = choices
        self.chosen = 0
        self._top = 0

    def _words(self, choice: RowAction) -> str:
        reason = f"  {self._skin.glyphs.none} {choice.why_not}" if choice.why_not else ""
        return f"{choice.action.title}{reason} "

    def get_content_width(self, container: Size, viewport: Size) -> int:
        """As wide as the longest line."""
        longest = max(width_of(self._words(choice)) for choice in self._choices)
        return min(max(width_of(self._title) + 2, _KEYS + longest + 1), viewport.width - 4)

    def get_content_height(self, container: Size, viewport: Size, width: int) -> int:
        """A title, a blank, and a line each, as far as there is room."""
        return min(len(self._choices) + _HEAD, viewport.height - 2)

    def move(self, rows: int) -> None:
        """Go to another line."""
        self.chosen = (self.chosen + rows) % len(self._choices)
        height = max(1, self.size.height - _HEAD)
        self._top = max(self.chosen - height + 1, min(self._top, self.chosen))
        self.refresh()

    def on_resize(self) -> None:
        """Keep the chosen line in sight."""
        self.move(0)

    def render_line(self, y: int) -> Strip:
        """Draw line ``y``."""
        look, width = self._skin.look, self.size.width
        if y < _HEAD:
            text = shorten(f" {self._title}" if y == 0 else "", width, self._skin.glyphs.ellipsis)
            return Strip([Segment(text, look.part("title", "bar"))]).adjust_cell_length(width, look.part("bar"))
        number = self._top + y - _HEAD
        if number >= len(self._choices):
            return Strip.blank(width, look.part("bar"))
        choice, here = self._choices[number], number == self.chosen
        ground = "cursor" if here else ""
        muted = choice.why_not != ""
        key, words = ("bar-muted", "bar-muted") if muted else ("key", "bar")
        bar = (
            Segment(self._skin.glyphs.cursor, look.part("cursor-bar", ground))
            if here
            else Segment(" ", look.part("bar"))
        )
        text = shorten(self._words(choice), width - _KEYS - 1, self._skin.glyphs.ellipsis)
        segments = [bar, Segment(pad(f" {choice.action.shown_keys.split(' ')[0]}", _KEYS), look.part(key, ground))]
        segments.append(Segment(text, look.part(words, ground)))
        return Strip(segments).adjust_cell_length(width, look.part("bar", ground))


class MenuScreen(Layer[str | None], ModalScreen[str | None]):
    """Ends with the call of the chosen action, or None."""

    DEFAULT_CSS = """
    MenuScreen { align: center middle; background: $background 40%; }
    MenuScreen MenuList { background: $surface; padding: 0 0 1 0; }
    """

    def __init__(self, skin: Skin, title: str, choices: Sequence[RowAction]) -> None:
        super().__init__()
        self._choices = choices
        self._list = MenuList(skin, title, choices)

    def compose(self) -> ComposeResult:
        """The list."""
        yield self._list

    def on_key(self, event: events.Key) -> None:
        """Move, choose, or leave. No key goes on to what lies below."""
        event.stop()
        event.prevent_default()
        steps = {"j": 1, "down": 1, "k": -1, "up": -1}
        if event.key in steps:
            self._list.move(steps[event.key])
        elif event.key == "enter":
            self._choose(self._choices[self._list.chosen])
        elif event.key in ("escape", "q", "x", "ctrl+c"):
            self.dismiss(None)
        else:
            for choice in self._choices:
                if event.key in choice.action.keys:
                    self._choose(choice)
                    return

    def _choose(self, choice: RowAction) -> None:
        """Do what can be done; on what cannot, stay, with its reason in sight."""
        if not choice.why_not:
            self.dismiss(choice.action.call)
