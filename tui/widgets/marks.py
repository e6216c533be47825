"""Which cells changed a moment ago."""

from __future__ import annotations

from collections.abc import Iterable

LASTS = 2.0
"""Seconds for which a change is marked."""


class Marks:
    """Columns of rows, each marked for a while."""

    def __init__(self) -> None:
        self._until: dict[str, dict[str, float]] = {}

    def __bool__(self) -> bool:
        return bool(self._until)

    def add(self, key: str, columns: Iterable[str], now: float) -> None:
        """Mark columns of a row from now on."""
        self._until.setdefault(key, {}).update(dict.fromkeys(columns, now + LASTS))

    def of(self, key: str) -> frozenset[str]:
        """Return the marked columns of a row."""
        found = self._until.get(key)
        return frozenset(found) if found else frozenset()

    def clear(self) -> None:
        """Take all marks away."""
        self._until.clear()

    def expire(self, now: float) -> float | None:
        """Take away the marks whose time is over; return when the next one's is, None when there is none."""
        next_end: float | None = None
        for key, columns in list(self._until.items()):
            for column, until in list(columns.items()):
                if until <= now:
                    del columns[column]
                elif next_end is None or until < next_end:
                    next_end = until
            if not columns:
                del self._until[key]
        return next_end
