"""What can be done with a row: what fits it first, and below why the rest does not."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from rich.segment import Segment
from textual import events
from textual.app import ComposeResult
from textual.geometry import Size
from textual.screen import ModalScreen
from textual.strip import Strip
from textual.widget import Widget

from tui.actions import Topic
from tui.layer import Layer
from tui.row_actions import READ_ONLY, RowAction
from tui.term.theming import Skin
from tui.widgets.cells import pad, shorten, width_of, wrap

_KEYS = 8
"""Cells for the key and the gap behind it."""
_NOTE = 60
"""A reason is broken into lines of so many cells."""
_FRAME = 4
"""Lines and cells that the frame and a margin take."""


@dataclass(frozen=True, slots=True)
class _Item:
    """One line: an action, a heading, or why some actions do not fit."""

    text: str
    part: str = "bar"
    choice: RowAction | None = None
    """What the line stands for; None where there is nothing to choose."""

    reason: str = ""
    """Why some actions do not fit, of which this is a line."""

    @property
    def can_be_chosen(self) -> bool:
        return self.choice is not None and not self.choice.why_not


def _items(choices: Sequence[RowAction], none: str) -> Iterator[_Item]:
    """Yield what can be done, what write mode would allow, and in few words why not the rest."""
    changes = [one for one in choices if one.action.topic is Topic.CHANGE]
    looks = [one for one in choices if one.action.topic is not Topic.CHANGE and not one.why_not]
    groups = (
        ("Change", [one for one in changes if not one.why_not]),
        ("Look and go", looks),
        (f"Change {none} {READ_ONLY}", [one for one in changes if one.why_not == READ_ONLY]),
    )
    for title, found in groups:
        if found:
            yield _Item(f" {title}", "heading-bar")
            for one in found:
                yield _Item(one.action.title, "bar-muted" if one.why_not else "bar", one)
    reasons: dict[str, list[str]] = {}
    for one in choices:
        if one.why_not and one.why_not != READ_ONLY:
            reasons.setdefault(one.why_not, []).append(one.action.title)
    if reasons:
        yield _Item(" Not here", "heading-bar")
    for reason, titles in reasons.items():
        for number, line in enumerate(wrap(f"{', '.join(titles)}: {reason}", _NOTE)):
            yield _Item(f" {'  ' * bool(number)} {line}", "bar-muted", reason=reason)


class MenuList(Widget, can_focus=True):
    """One line for each action: its key and its name."""

    DEFAULT_CSS = """
    MenuList { width: auto; height: auto; border: round $iovtop-line; }
    MenuList.-ascii { border: ascii $iovtop-line; }
    """

    def __init__(self, skin: Skin, title: str, choices: Sequence[RowAction]) -> None:
        super().__init__()
        self._skin = skin
        self._items = [_Item(f" {title}", "dialog-title"), *_items(choices, skin.glyphs.none)]
        self._places = [place for place, item in enumerate(self._items) if item.can_be_chosen]
        self._at = 0
        self._top = 0
        self._told = ""
        self.set_class(skin.glyphs.name == "ascii", "-ascii")

    @property
    def chosen(self) -> RowAction | None:
        """The action under the cursor; None where there is none that can be done."""
        return self._items[self._places[self._at]].choice if self._places else None

    def get_content_width(self, container: Size, viewport: Size) -> int:
        """As wide as the longest line."""
        longest = max(width_of(item.text) + (_KEYS + 1) * (item.choice is not None) for item in self._items)
        return min(longest + 2, viewport.width - _FRAME)

    def get_content_height(self, container: Size, viewport: Size, width: int) -> int:
        """A line each, as far as there is room."""
        return min(len(self._items), viewport.height - _FRAME)

    def move(self, rows: int) -> None:
        """Go to another action; past the last, show what comes below it."""
        if self._places and 0 <= self._at + rows < len(self._places):
            self._at += rows
        elif rows:
            self.scroll_lines(rows)
            return
        place = self._places[self._at] if self._places else 0
        self._top = max(place - self.size.height + 1, min(self._top, place - 1 - (place == 2)))
        self.scroll_lines(0)

    def tell(self, choice: RowAction) -> None:
        """Bring into sight why an action cannot be done, and let it stand out."""
        self._told = choice.why_not
        about = [n for n, item in enumerate(self._items) if item.reason == choice.why_not or item.choice is choice]
        if about:
            self._top = min(about[0], max(self._top, about[-1] - self.size.height + 1))
        self.scroll_lines(0)

    def scroll_lines(self, rows: int) -> None:
        """Show what is above or below."""
        self._top = max(0, min(self._top + rows, len(self._items) - self.size.height))
        self.refresh()

    def on_resize(self) -> None:
        """Keep the chosen line in sight."""
        self.move(0)

    def render_line(self, y: int) -> Strip:
        """Draw line ``y``."""
        look, width, number = self._skin.look, self.size.width, self._top + y
        if number >= len(self._items):
            return Strip.blank(width, look.part("bar"))
        item = self._items[number]
        here = bool(self._places) and number == self._places[self._at]
        ground = "cursor" if here else ""
        segments = [
            Segment(self._skin.glyphs.cursor if here else " ", look.part("cursor-bar" if here else "bar", ground))
        ]
        if item.choice is not None:
            key = item.choice.action.shown_keys.split(" ")[0]
            part = "bar-muted" if item.choice.why_not else "key"
            segments.append(Segment(pad(f" {key}", _KEYS), look.part(part, ground)))
        part = "bar" if item.reason and item.reason == self._told else item.part
        room = width - 1 - (_KEYS if item.choice is not None else 0)
        segments.append(Segment(shorten(item.text, room, self._skin.glyphs.ellipsis), look.part(part, ground)))
        strip = Strip(segments).adjust_cell_length(width, look.part("bar", ground))
        more = self._more(y, number)
        if not more:
            return strip
        return Strip([*strip.crop(0, width - 1), Segment(more, look.part("bar-muted", ground))])

    def _more(self, y: int, number: int) -> str:
        """Return the sign at the right edge that says that there is more."""
        if y == 0 and self._top:
            return self._skin.glyphs.up
        return self._skin.glyphs.down if y == self.size.height - 1 and number + 1 < len(self._items) else ""


class MenuScreen(Layer[str | None], ModalScreen[str | None]):
    """Ends with the call of the chosen action, or None."""

    DEFAULT_CSS = """
    MenuScreen { align: center middle; background: $background 40%; }
    MenuScreen MenuList { background: $surface; }
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
        pages = {"pagedown": 10, "pageup": -10}
        if event.key in steps:
            self._list.move(steps[event.key])
        elif event.key in pages:
            self._list.scroll_lines(pages[event.key])
        elif event.key == "enter":
            self._choose(self._list.chosen)
        elif event.key in ("escape", "q", "x", "ctrl+c"):
            self.dismiss(None)
        else:
            self._choose(next((one for one in self._choices if event.key in one.action.keys), None))

    def _choose(self, choice: RowAction | None) -> None:
        """Do what can be done; on what cannot, stay, with its reason in sight."""
        if choice is None:
            return
        if choice.why_not:
            self._list.tell(choice)
        else:
            self.dismiss(choice.action.call)
