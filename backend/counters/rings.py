"""A short memory of one figure: its last minutes second by second, and an hour before in steps."""

from __future__ import annotations

import math
from array import array
from collections import OrderedDict
from collections.abc import Hashable, Iterator
from dataclasses import dataclass

RECENT = 120
"""Values kept one by one."""
STEP = 10
"""Values that become one of the older ones."""
OLDER = 360
MOST_SERIES = 4096
"""Series kept by a ``Rings``: the ones that nobody has added to for longest go first."""

_NOTHING = math.nan


class Ring:
    """The last values of one series; None where there was none.

    Older values are the mean of ``STEP`` values each, beside the greatest of them, so that a peak does not vanish.
    """

    __slots__ = ("_gathered", "_means", "_peaks", "_recent")

    def __init__(self) -> None:
        self._recent = array("f")
        self._gathered = array("f")
        self._means = array("f")
        self._peaks = array("f")

    def add(self, value: float | None) -> None:
        """Add the next value."""
        self._recent.append(_NOTHING if value is None else value)
        if len(self._recent) > RECENT:
            self._gathered.append(self._recent.pop(0))
            if len(self._gathered) == STEP:
                self._settle()

    def _settle(self) -> None:
        told = [value for value in self._gathered if value == value]
        self._means.append(sum(told) / len(told) if told else _NOTHING)
        self._peaks.append(max(told, default=_NOTHING))
        del self._gathered[:]
        for kept in (self._means, self._peaks):
            if len(kept) > OLDER:
                del kept[0]

    def recent(self, count: int = RECENT) -> list[float | None]:
        """Return the last ``count`` values or fewer, the newest last."""
        return _plain(self._recent[-count:] if count else array("f"))

    def older(self) -> list[tuple[float | None, float | None]]:
        """Return mean and peak of each step before the recent values, the newest last."""
        return list(zip(_plain(self._means), _plain(self._peaks), strict=True))


def _plain(values: array[float]) -> list[float | None]:
    return [value if value == value else None for value in values]


@dataclass(frozen=True, slots=True)
class SeriesKey:
    """Which series: a counter of a set at a subject."""

    subject: str
    set: str
    instance: str
    counter: str


class Rings:
    """Rings by key, no more than ``most``."""

    def __init__(self, most: int = MOST_SERIES) -> None:
        self._most = most
        self._rings: OrderedDict[Hashable, Ring] = OrderedDict()

    def __len__(self) -> int:
        return len(self._rings)

    def add(self, key: Hashable, value: float | None) -> None:
        """Add a value to a series."""
        ring = self._rings.get(key)
        if ring is None:
            ring = self._rings[key] = Ring()
            if len(self._rings) > self._most:
                self._rings.popitem(last=False)
        else:
            self._rings.move_to_end(key)
        ring.add(value)

    def get(self, key: Hashable) -> Ring | None:
        """Return a series, or None when nothing was added to it lately."""
        return self._rings.get(key)

    def keys(self) -> Iterator[Hashable]:
        """Yield the keys, the one added to last at the end."""
        return iter(self._rings)
