"""What stands in an empty tree: a headline and hints, in the middle."""

from __future__ import annotations

from collections.abc import Sequence

from rich.segment import Segment
from textual.geometry import Size
from textual.strip import Strip

from tui.term.theming import Skin
from tui.widgets.cells import shorten, width_of, wrap


def notice_line(lines: Sequence[str], y: int, size: Size, skin: Skin) -> Strip:
    """Draw line ``y`` of a notice, which begins a third down the screen. The first of ``lines`` is its headline."""
    look, width = skin.look, size.width
    wrapped = [(part, bool(n)) for n, line in enumerate(lines) for part in wrap(line, max(1, width - 2))]
    number = y - max(0, (size.height - len(wrapped)) // 3)
    if not 0 <= number < len(wrapped):
        return Strip.blank(width, look.base)
    line, hint = wrapped[number]
    text = shorten(line, width, skin.glyphs.ellipsis)
    left = max(0, (width - width_of(text)) // 2)
    segments = [Segment(" " * left, look.base), Segment(text, look.part("notice-text" if hint else "notice"))]
    return Strip(segments).adjust_cell_length(width, look.base)
