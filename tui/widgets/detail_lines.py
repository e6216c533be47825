"""From the detail of a row to lines of text at one width."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from rich.segment import Segment
from rich.style import Style
from textual.strip import Strip

from backend.present.columns import Role
from backend.present.lines import Line, Section
from tui.term.theming import Look, Skin
from tui.widgets.cells import pad, shorten, width_of, wrap


@dataclass(frozen=True, slots=True)
class Detail:
    """Everything worth saying about a row."""

    name: str
    words: str
    """A few words beside the name."""
    sections: tuple[Section, ...] = ()
    label_width: int = 16
    """Cells for labels and the gap behind them, at most."""


Words = list[tuple[str, Style]]


def detail_lines(detail: Detail, width: int, skin: Skin) -> list[Strip]:
    """Return the lines of a detail, ``width`` cells wide."""
    look = skin.look
    inner = max(1, width - 2)  # a blank before, the scroll bar behind
    lines: list[Words] = [[(line, look.part("title"))] for line in wrap(detail.name, inner) if line]
    lines += [[(line, look.part("label"))] for line in wrap(detail.words, inner) if line]
    longest = max((width_of(line.label) for section in detail.sections for line in section.lines), default=0)
    label_width = min(detail.label_width, longest + 1)
    for section in detail.sections:
        lines.append([])
        if section.title:
            lines.append([(shorten(section.title, inner, skin.glyphs.ellipsis), look.part("heading"))])
        for line in section.lines:
            lines += _labelled(line, label_width, inner, skin)
    return [_strip(words, width, look) for words in lines]


def _labelled(line: Line, label_width: int, width: int, skin: Skin) -> list[Words]:
    """Return a label with its value beside it; the words behind follow, on lines of their own where they must."""
    look = skin.look
    narrow = width - label_width < 12
    room = max(1, width - (2 if narrow else label_width))
    indent = " " * (width - room)
    label = shorten(line.label, width if narrow else label_width - 1, skin.glyphs.ellipsis)
    value = [[(part.rjust(line.width), look.role(line.value.role))] for part in wrap(line.value.text, room)]
    extra = look.role(Role.MUTED)
    if line.extra:
        last = value[-1]
        used = width_of(last[0][0])
        if used + 2 + width_of(line.extra) <= room:
            last.append(("  " + line.extra if used else line.extra, extra))
        else:
            value += [[(part, extra)] for part in wrap(line.extra, room)]
    if value and not value[0][0][0] and len(value) > 1:
        value = value[1:]
    if narrow:
        return [[(label, look.part("label"))], *([(indent, look.base), *words] for words in value)]
    first = [(pad(label, len(indent)), look.part("label")), *value[0]]
    return [first, *([(indent, look.base), *words] for words in value[1:])]


def _strip(words: Sequence[tuple[str, Style]], width: int, look: Look) -> Strip:
    segments = [Segment(" ", look.base), *(Segment(text, style) for text, style in words)]
    return Strip(segments).adjust_cell_length(width, look.base)
