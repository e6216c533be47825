"""Clocks: the real one, and one that only moves when told to."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Awaitable, Callable
from typing import TypeVar

T = TypeVar("T")

_SETTLE_ROUNDS = 50
_SETTLES = 20
"""Of nothing but turns of the loop, before whoever sleeps is believed to sleep for ever."""


class RealClock:
    """The machine's own time."""

    def monotonic(self) -> float:
        """Return seconds that never run backwards."""
        return time.monotonic()

    def boottime(self) -> float:
        """Return seconds that go on while the machine sleeps."""
        return time.clock_gettime(time.CLOCK_BOOTTIME)

    def time(self) -> float:
        """Return seconds since the epoch."""
        return time.time()

    async def sleep(self, seconds: float) -> None:
        """Return after ``seconds``."""
        await asyncio.sleep(max(0.0, seconds))


class ManualClock:
    """Time that stands still until ``advance`` is called. Begins at monotonic 0.

    Sleepers are woken in the order of their due times; those due at the same time, in the order they
    went to sleep.
    """

    def __init__(self, epoch: float = 1_763_845_200.0) -> None:
        self._epoch = epoch
        self._now = 0.0
        self._slept = 0.0
        self._order = 0
        self._sleepers: list[tuple[float, int, asyncio.Future[None]]] = []
        self.on_advance: list[Callable[[], None]] = []
        """Called each time the clock has moved, before sleepers run."""

    def monotonic(self) -> float:
        """Return the seconds advanced so far."""
        return self._now

    def boottime(self) -> float:
        """Return the seconds advanced and slept so far."""
        return self._now + self._slept

    def sleep_through(self, seconds: float) -> None:
        """Let the machine sleep: nothing runs meanwhile, and only ``boottime`` and ``time`` tell."""
        self._slept += seconds

    def time(self) -> float:
        """Return the made-up wall time."""
        return self._epoch + self._now + self._slept

    async def sleep(self, seconds: float) -> None:
        """Return once the clock was advanced by that much (at once for nothing or less)."""
        if seconds <= 0:
            await asyncio.sleep(0)
            return
        future: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self._order += 1
        entry = (self._now + seconds, self._order, future)
        self._sleepers.append(entry)
        try:
            await future
        finally:
            if entry in self._sleepers:
                self._sleepers.remove(entry)

    def next_wake(self) -> float | None:
        """Return when the next sleeper is due, or None."""
        return min((due for due, _, future in self._sleepers if not future.done()), default=None)

    def advance(self, seconds: float) -> None:
        """Move the clock and wake every sleeper that is due. They run when the event loop gets its turn."""
        if seconds < 0:
            raise ValueError("a clock does not run backwards")
        self._now += seconds
        for call in list(self.on_advance):
            call()
        due = sorted((s for s in self._sleepers if s[0] <= self._now), key=lambda s: s[:2])
        for entry in due:
            self._sleepers.remove(entry)
            if not entry[2].done():
                entry[2].set_result(None)

    async def advance_to_each(self, seconds: float) -> None:
        """Like ``advance``, but stop at every sleeper on the way and let the event loop settle there."""
        end = self._now + seconds
        await settle()
        while (wake := self.next_wake()) is not None and wake <= end:
            self.advance(max(0.0, wake - self._now))
            await settle()
        self.advance(max(0.0, end - self._now))
        await settle()

    async def run(self, awaitable: Awaitable[T], *, limit: float = 3600.0) -> T:
        """Await something and advance the clock, as far as needed, whenever all of it sleeps.

        Raises ``TimeoutError`` when nothing sleeps any more and it still does not end, or after
        ``limit`` of this clock's seconds.
        """
        task = asyncio.ensure_future(awaitable)
        end = self._now + limit
        idle = 0
        try:
            while True:
                await settle()
                if task.done():
                    return task.result()
                wake = self.next_wake()
                if wake is not None and wake <= end:
                    idle = 0
                    self.advance(max(0.0, wake - self._now))
                elif idle < _SETTLES:  # it may have much to do without sleeping
                    idle += 1
                else:
                    raise TimeoutError(f"still waiting at {self._now:.3f} s of the manual clock")
        finally:
            if not task.done():
                task.cancel()
                await asyncio.gather(task, return_exceptions=True)


async def settle() -> None:
    """Let every task that can run do so."""
    for _ in range(_SETTLE_ROUNDS):
        await asyncio.sleep(0)
