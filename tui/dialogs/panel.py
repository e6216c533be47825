"""The paper that dialogs are written on: lines of words, scrolled when there are too many."""

from __future__ import annotations

from collections.abc import Sequence

from rich.segment import Segment
from rich.style import Style
from textual.geometry import Size
from textual.strip import Strip
from textual.widget import Widget

from backend.present.columns import Role
from tui.term.theming import Skin
from tui.widgets.cells import width_of, wrap

Words = list[tuple[str, Style]]

_MARGIN = 2
_WIDEST = 100


class Panel(Widget, can_focus=True):
    """Lines of words on the ground of dialogs. As large as what it says, as far as there is room.

    What is to be answered stays in sight at the foot, however long the rest is.
    """

    DEFAULT_CSS = """
    Panel { width: auto; height: auto; max-width: 100%; max-height: 100%; border: round $iovtop-line; }
    Panel.-ascii { border: ascii $iovtop-line; }
    """
    ALLOW_SELECT = False

    def __init__(self, skin: Skin, *, id: str | None = None) -> None:
        super().__init__(id=id)
        self.skin = skin
        self._lines: list[Words] = []
        self._foot: list[Words] = []
        self._top = 0
        self.set_class(skin.glyphs.name == "ascii", "-ascii")

    @property
    def text(self) -> str:
        """What it says, without looks."""
        return "\n".join("".join(text for text, _ in line) for line in (*self._lines, *self._foot))

    def width_for(self, room: int) -> int:
        """Return how many cells a line may take on a screen ``room`` cells wide."""
        return max(20, min(room - 4, _WIDEST) - 2 * _MARGIN)

    def show(self, lines: Sequence[Words], foot: Sequence[Words]) -> None:
        """Say this, with ``foot`` always in sight."""
        new = ([*lines], [[], *foot])
        if new != (self._lines, self._foot):
            longer = len(new[0]) + len(new[1]) != len(self._lines) + len(self._foot)
            self._lines, self._foot = new
            self.refresh(layout=longer)

    @property
    def _room(self) -> int:
        """How many lines above the foot are in sight."""
        return max(0, self.size.height - len(self._foot))

    def scroll(self, rows: int) -> None:
        """Move what is seen."""
        lowest = max(0, len(self._lines) - self._room)
        top = max(0, min(self._top + rows, lowest))
        if top != self._top:
            self._top = top
            self.refresh()

    def get_content_width(self, container: Size, viewport: Size) -> int:
        """As wide as dialogs are."""
        return self.width_for(viewport.width) + 2 * _MARGIN

    def get_content_height(self, container: Size, viewport: Size, width: int) -> int:
        """A line each, as far as there is room."""
        return max(1, min(len(self._lines) + len(self._foot), viewport.height - 2))

    def render_line(self, y: int) -> Strip:
        """Draw line ``y``."""
        ground, width, room = self.skin.look.part("bar"), self.size.width, self._room
        if y >= room:
            line = self._foot[y - room] if y - room < len(self._foot) else []
        else:
            line = self._lines[self._top + y] if self._top + y < len(self._lines) else []
        segments = [Segment(" " * _MARGIN, ground), *(Segment(text, style) for text, style in line)]
        more = self._more(y, room)
        if not more:
            return Strip(segments).adjust_cell_length(width, ground)
        body = Strip(segments).adjust_cell_length(width - 2, ground)
        return Strip([*body, Segment(f"{more} ", self.skin.look.part("bar-muted"))])

    def _more(self, y: int, room: int) -> str:
        """Return the sign at the right edge that says that there is more."""
        if y == 0 and self._top:
            return self.skin.glyphs.up
        return self.skin.glyphs.down if y == room - 1 and self._top + room < len(self._lines) else ""

    # ---- words

    def part(self, text: str, part: str) -> tuple[str, Style]:
        """Return a text in the look of a part of the screen."""
        return (text, self.skin.look.part(part))

    def role(self, text: str, role: Role) -> tuple[str, Style]:
        """Return a text in the look of a meaning."""
        return (text, self.skin.look.role(role, "dialog"))

    def paragraph(self, text: str, width: int, *, lead: str = "", role: Role = Role.TEXT) -> list[Words]:
        """Return a text broken into lines, behind ``lead`` on the first."""
        indent = width_of(lead)
        broken = wrap(text, max(8, width - indent))
        ground = self.skin.look.part("bar")
        return [
            [(lead if number == 0 else " " * indent, ground), self.role(line, role)]
            for number, line in enumerate(broken)
        ]

    def keys(self, *keys: tuple[str, str]) -> Words:
        """Return a line of keys and what they do."""
        words: Words = []
        for key, what in keys:
            words += [self.part(f"{key} ", "key"), self.part(f"{what}   ", "key-text")]
        return words
