"""One line of the screen: pieces of text, the least important left out when it is narrow."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace

from rich.segment import Segment
from rich.style import Style
from textual.geometry import Size
from textual.strip import Strip
from textual.widget import Widget

from tui.term.theming import Skin
from tui.widgets.cells import shorten, width_of


@dataclass(frozen=True, slots=True)
class Piece:
    """A text that stands or falls as one."""

    text: str
    part: str
    """The part of the theme that says how it looks."""
    priority: int = 0
    """0 stays longest; pieces of one priority stay or go together."""
    cut: bool = False
    """Whether it may be cut short to make room, before anything is left out."""


def title_pieces(badge: Iterable[Piece], words: str, *more: Piece) -> list[Piece]:
    """Return the title of a screen of its own: whose it is, the program, and what it shows."""
    return [*badge, *more, Piece(" iovtop ", "brand", 3), Piece(f" {words} ", "hostname", 1)]


def key_pieces(*keys: tuple[str, str], rank: int = 4) -> list[Piece]:
    """Return keys, each with what it does; ``rank`` is their priority."""
    return [
        piece for key, word in keys for piece in (Piece(f" {key} ", "key", rank), Piece(f"{word} ", "key-text", rank))
    ]


_LEAST = 12
"""A piece is not cut shorter than this."""


def arrange(
    left: Iterable[Piece], right: Iterable[Piece], width: int, ellipsis: str
) -> tuple[list[Piece], list[Piece]]:
    """Return the pieces that fit into ``width`` cells; the first of the most important is cut rather than lost."""
    kept = [*left]
    after = [*right]
    over = _length(kept) + _length(after) + bool(after) - width
    for place, piece in enumerate(kept):
        room = width_of(piece.text) - over
        if piece.cut and over > 0 and room >= _LEAST:
            kept[place] = replace(piece, text=shorten(piece.text, room, ellipsis))
            break
    while len(kept) + len(after) > 1 and _length(kept) + _length(after) + bool(after) > width:
        worst = max((piece.priority for piece in (*kept, *after)), default=0)
        if not worst:
            break
        kept = [piece for piece in kept if piece.priority < worst]
        after = [piece for piece in after if piece.priority < worst]
    if (kept or after) and _length(kept) + _length(after) > width:
        only = (kept or after)[0]
        kept, after = [Piece(shorten(only.text.strip(), width, ellipsis), only.part)], []
    return kept, after


def _length(pieces: Iterable[Piece]) -> int:
    return sum(width_of(piece.text) for piece in pieces)


class LineWidget(Widget):
    """A widget one line high. It is painted again only when what it says has changed."""

    DEFAULT_CSS = "LineWidget { height: 1; width: 1fr; }"

    def __init__(self, skin: Skin, ground: str, *, id: str | None = None) -> None:
        super().__init__(id=id)
        self.skin = skin
        self._ground = ground
        self._left: tuple[Piece, ...] = ()
        self._right: tuple[Piece, ...] = ()

    @property
    def text(self) -> str:
        """What the line says, without looks."""
        return " ".join(piece.text.strip() for piece in (*self._left, *self._right))

    def say(self, left: Sequence[Piece], right: Sequence[Piece] = ()) -> None:
        """Show these pieces, some from the left and some up to the right end."""
        if (tuple(left), tuple(right)) == (self._left, self._right):
            return
        before = self._arranged()
        self._left, self._right = tuple(left), tuple(right)
        if self._arranged() != before:  # what differs may be cut away
            self.refresh()

    def _arranged(self) -> tuple[list[Piece], list[Piece]]:
        return arrange(self._left, self._right, self.size.width, self.skin.glyphs.ellipsis)

    def render_line(self, y: int) -> Strip:
        """Draw the line."""
        width = self.size.width
        ground = self.skin.look.part(self._ground)
        if y or not width:
            return Strip.blank(width, ground)
        left, right = self._arranged()
        gap = width - _length(left) - _length(right)
        segments = [self._segment(piece) for piece in left]
        segments.append(Segment(" " * max(0, gap), ground))
        segments += [self._segment(piece) for piece in right]
        return Strip(segments).adjust_cell_length(width, ground)

    def _segment(self, piece: Piece) -> Segment:
        style: Style = self.skin.look.part(piece.part)
        return Segment(piece.text, style)

    def get_content_height(self, container: Size, viewport: Size, width: int) -> int:
        """One."""
        return 1
