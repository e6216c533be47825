"""When to read what: the ticks, and how long a reader may keep the event loop."""

from __future__ import annotations

import time
from collections.abc import Iterator
from dataclasses import dataclass

SLICE = 0.004
"""Seconds that a reading may keep the event loop before it lets others run."""

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


async def in_slices(steps: Iterator[None], seconds: float = SLICE) -> None:
    """Run ``steps`` to their end, letting the event loop turn every ``seconds``."""
    import asyncio

    until = time.perf_counter() + seconds
    for _ in steps:
        if time.perf_counter() >= until:
            await asyncio.sleep(0)
            until = time.perf_counter() + seconds


def at_once(steps: Iterator[None]) -> None:
    """Run ``steps`` to their end without a pause: for commands that have nothing else to do."""
    for _ in steps:
        pass
