"""What Textual sends of a changed part of a line: that part, and nothing to its left.

Textual crops such a part at its right end only: of a row in whose last column a number changed, all would be sent.
"""

from __future__ import annotations

from rich.console import Console
from rich.control import Control
from textual._compositor import ChopsUpdate


def crop_changes() -> None:
    """Have Textual crop the parts that it sends at both ends, from now on."""
    ChopsUpdate.render_segments = _render_segments  # type: ignore[method-assign,assignment]


def _render_segments(update: ChopsUpdate, console: Console) -> str:
    """Return what is sent: each span (line, first column, column after the last) cut out of what lies there."""
    sent: list[str] = []
    for y, first, last in update.spans:
        for end, (x, strip) in zip(update.chop_ends[y], update.chops[y].items(), strict=False):
            left, right = max(x, first), min(end, last)
            if strip is None or left >= right:
                continue
            part = strip if (left, right) == (x, end) else strip.crop(left - x, right - x)
            sent += (Control.move_to(left, y).segment.text, part.render(console))
    return "".join(sent)
