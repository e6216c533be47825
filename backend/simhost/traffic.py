"""Believable loads: what a counter has grown by, with waves and bursts, and without ever falling."""

from __future__ import annotations

import math
import zlib

_WAVES = ((0.45, 0.11), (0.3, 0.53), (0.2, 1.7))
"""Share of the mean and radians a second: together they leave at least a twentieth of it."""


def seed_of(text: str) -> int:
    """Return a number that is always the same for a name."""
    return zlib.crc32(text.encode("utf-8", "surrogateescape"))


def grown(seconds: float, rate: float, seed: int) -> int:
    """Return what a load of ``rate`` a second on average has added up to after ``seconds``.

    The integral of a mean with three waves on it, each with a phase of its own: closed, so that asking twice costs
    nothing and nothing has to be kept.
    """
    if rate <= 0 or seconds <= 0:
        return 0
    total = seconds
    for number, (share, speed) in enumerate(_WAVES):
        phase = (seed >> 8 * number & 255) / 256 * math.tau
        total += share / speed * (math.cos(phase) - math.cos(phase + speed * seconds))
    return int(rate * total)


def between(seed: int, least: float, most: float) -> float:
    """Return a value that is always the same for a seed, spread evenly over the orders of magnitude."""
    return float(least * (most / least) ** ((seed >> 4 & 0xFFF) / 0xFFF))
