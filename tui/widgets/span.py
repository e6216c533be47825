"""Where two drawings of a line differ."""

from __future__ import annotations

from rich.style import Style
from textual.strip import Strip

from tui.widgets.cells import width_of


def changed_span(before: Strip, after: Strip) -> tuple[int, int]:
    """Return the first cell that differs and the one after the last; two equal numbers for equal drawings."""
    length = max(before.cell_length, after.cell_length)
    if before == after:
        return length, length
    old, new = _cells(before), _cells(after)
    if old is None or new is None or len(old) != len(new):
        return 0, length
    differ = [place for place, (a, b) in enumerate(zip(old, new, strict=True)) if a != b]
    return (differ[0], differ[-1] + 1) if differ else (length, length)


def _cells(strip: Strip) -> list[tuple[str, Style | None]] | None:
    """Return what each cell holds: of a wide character both hold it, and change with it.

    None for a line with characters that combine with the one before: it cannot be cut anywhere.
    """
    cells: list[tuple[str, Style | None]] = []
    for text, style, _ in strip:
        if text.isascii():
            cells += [(letter, style) for letter in text]
            continue
        for letter in text:
            width = width_of(letter)
            if not width:
                return None
            cells += [(letter, style)] * width
    return cells
