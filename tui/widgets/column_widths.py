"""How wide each column is on a screen: told by the width of the screen alone, never by what stands in it."""

from __future__ import annotations

from dataclasses import dataclass, replace
from functools import cache

from backend.present.columns import SCREEN_COLUMNS, Column, fit_columns
from backend.present.view import View

_NARROW = {"device": 29, "driver": 13, "path": 13, "group": 7, "holder": 11, "numa": 4, "root": 12, "name": 20}
"""The least width at which a column still tells what it should."""

_NARROW_IN = {
    View.GROUPS: {"device": 27, "holder": 13},
    View.HOLDERS: {"device": 27, "holder": 13},
    View.NUMA: {"device": 37},
}
"""Where that is otherwise: who stands in the way is named by address; devices stand below nodes and ports."""

_GROWTH = (
    ("device", 33),
    ("group", 8),
    ("holder", 18),
    ("driver", 16),
    ("device", 38),
    ("holder", 28),
    ("name", 36),
    ("device", 52),
    ("name", 60),
)
"""Who gets the cells that are left, in turn, and up to which width."""

_TITLES = {
    View.GROUPS: {"device": "GROUP", "path": "VERDICT", "group": "DOMAIN", "holder": "IN THE WAY"},
    View.HOLDERS: {"device": "HOLDER", "holder": "USE"},
    View.NUMA: {"device": "NODE, PORT, DEVICE"},
}
"""Titles of columns that hold something else in another view."""


@dataclass(frozen=True, slots=True)
class Layout:
    """The columns of a tree. What ``what`` says stands behind the first column's text, as far as it fits."""

    columns: tuple[Column, ...]
    what: Column
    name: Column | None
    """What stands there instead where ``what`` is silent; None where names have a column."""


@cache
def layout_for(view: View, width: int) -> Layout:
    """Return the columns for a tree ``width`` cells wide."""
    by_id = {column.id: column for column in SCREEN_COLUMNS}
    what = by_id.pop("what")
    least = {**_NARROW, **_NARROW_IN.get(view, {})}
    narrow = [replace(column, width=least.get(column.id, column.width)) for column in by_id.values()]
    fitting = fit_columns(narrow, width)
    widths = {column.id: column.width for column in fitting}
    left = width - sum(size + 1 for size in widths.values())
    for column_id, most in _GROWTH:
        if column_id in widths and left > 0:
            more = min(left, max(0, most - widths[column_id]))
            widths[column_id] += more
            left -= more
    if left < 0:
        widths[fitting[0].id] = max(1, widths[fitting[0].id] + left)
    titles = _TITLES.get(view, {})
    columns = tuple(
        replace(column, width=widths[column.id], title=titles.get(column.id, column.title)) for column in fitting
    )
    return Layout(columns, what, None if "name" in widths else by_id["name"])
