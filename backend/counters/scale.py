"""The power of 1000 that a value is shown in, which stays while the value moves a little."""

from __future__ import annotations

LARGEST = 5
"""Peta: no counter of a host goes beyond."""

_UP = 1000.0
_DOWN = 0.05
"""Below this share of its unit a value goes to a smaller one: 0.05 G is still shown as such, 0.04 G as 40 M."""


def next_scale(before: int | None, value: float | None) -> int:
    """Return the power of 1000 to show ``value`` in, which was shown in ``before`` last (None: never).

    Nothing, and no value, keep the unit.
    """
    if value is None or value <= 0:
        return before or 0
    scale = 0 if before is None else before
    if before is None or value < _DOWN * _UP**scale:
        scale = 0
    while scale < LARGEST and value >= _UP ** (scale + 1):
        scale += 1
    return scale
