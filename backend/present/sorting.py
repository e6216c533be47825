"""Siblings in another order than the host's own."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass, replace

from backend.present.columns import columns_named
from backend.present.glyphs import Glyphs
from backend.present.tree import Projection

_NUMBERS = re.compile(r"(\d+)")


@dataclass(frozen=True, slots=True)
class Order:
    """By which column, and which way."""

    column: str
    reverse: bool = False


SortKey = tuple[bool, tuple[str | float, ...]]


def sorted_by(projection: Projection, order: Order, glyphs: Glyphs) -> Projection:
    """Return the projection with siblings ordered by what a column says of them.

    Numbers inside a text count as numbers, rows of which the column says nothing come last either way, and
    rows of which it says the same keep their order.
    """

    (column,) = columns_named([order.column])

    signs = {*glyphs.paths.values(), "?", glyphs.warning} if order.column == "path" else ()

    def key(name: str) -> SortKey:
        if column.number is not None:
            value = column.number(projection.host, projection.rows[name])
            return value is None, (value or 0,)
        text = column.cell(projection.host, projection.rows[name], glyphs).text
        sign, _, word = text.partition(" ")
        return sort_key(word if sign in signs else text, glyphs.none)

    def arranged(names: Sequence[str]) -> Sequence[str]:
        keys = {name: key(name) for name in names}
        told = sorted((name for name in names if not keys[name][0]), key=keys.__getitem__, reverse=order.reverse)
        return [*told, *(name for name in names if keys[name][0])]

    children = {parent: arranged(names) if len(names) > 1 else names for parent, names in projection.children.items()}
    return replace(projection, children=children)


def sort_key(text: str, none: str = "") -> SortKey:
    """Return what a text is sorted by: whether it says nothing, then words and numbers in turn."""
    parts = _NUMBERS.split(text.casefold())
    return text in ("", none), tuple(int(part) if place % 2 else part for place, part in enumerate(parts))
