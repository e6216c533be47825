"""When to read what: the ticks, and how long a reader may keep the event loop."""

from __future__ import annotations

import time
from dataclasses import dataclass
from typing import TypeVar

from backend.model.steps import Steps

T = TypeVar("T")

SLICE = 0.002
"""Seconds that a reading may keep the event loop before it lets others run."""

REST = 0.012
"""Seconds for which readings rest when somebody pressed a key: from a key to the screen is a chain of turns of the
event loop, and a reading would take a slice of each. Shorter than between two keys of one that is held."""

COALESCE = 0.05
"""Seconds to wait after an event, so that a burst is read once."""


@dataclass(frozen=True, slots=True)
class Tiers:
    """How often things are read, in seconds."""

    fast: float = 1.0
    """Listings, and the devices on screen."""
    slow: float = 10.0
    """Holders, mdev capacity, links, drivers by listing."""
    full: float = 300.0
    """Everything anew, where kernel events tell of changes in between."""
    full_without_events: float = 30.0


class _Readings:
    asked = 0.0
    rest_until = 0.0


def let_readings_rest(seconds: float = REST) -> None:
    """Keep all readings from the event loop for a moment: what the operator asked for goes first. From any thread."""
    _Readings.asked = time.perf_counter()
    _Readings.rest_until = _Readings.asked + seconds


def undisturbed() -> float:
    """Return the seconds since readings were last asked to rest: nobody has pressed a key since."""
    return time.perf_counter() - _Readings.asked


async def in_slices(steps: Steps[T], seconds: float = SLICE) -> T:
    """Run ``steps`` to their end, letting the event loop turn every ``seconds``; return their result.

    However often readings are asked to rest, there is a slice after each rest: a reading comes to its end.
    """
    import asyncio

    until = time.perf_counter() + seconds
    try:
        while True:
            next(steps)
            if time.perf_counter() >= until:
                if not await _rest():
                    await asyncio.sleep(0)
                    await _rest()  # the key may have come while others had their turn
                until = time.perf_counter() + seconds
    except StopIteration as end:
        result: T = end.value
        return result


async def _rest() -> bool:
    """Wait for as long as readings were asked to rest; return whether they were."""
    import asyncio

    seconds = _Readings.rest_until - time.perf_counter()
    if seconds > 0:
        await asyncio.sleep(seconds)
    return seconds > 0
