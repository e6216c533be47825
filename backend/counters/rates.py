"""Rates from two readings: never negative, never absurd, None where the two tell nothing."""

from __future__ import annotations

from backend.model.counters import Counter, CounterKind, Stamp, Unit

SHORTEST = 0.02
"""Seconds between two readings below which a rate would be noise."""

_SLEPT = 0.25
"""Seconds by which CLOCK_BOOTTIME may run ahead of CLOCK_MONOTONIC before the machine has slept."""

_CEILINGS = {
    Unit.BYTES: 1e13,
    Unit.PACKETS: 1e11,
    Unit.INTERRUPTS: 1e8,
    Unit.EXITS: 1e9,
    Unit.ERRORS: 1e9,
    Unit.OPERATIONS: 1e10,
    Unit.NANOSECONDS: 1e13,
    Unit.MICROJOULES: 1e11,
}
_NO_HARDWARE = 1e16
"""Per second: what nothing of today counts. Faster only after a counter was set back or read wrongly."""


def seconds_between(before: Stamp, after: Stamp) -> float | None:
    """Return the seconds between two moments; None where no rate can be told.

    That is after a sleep of the machine (counters may have been set back, and nothing ran for most of the time), and
    when a clock stood still or ran backwards.
    """
    running = after.running - before.running
    passed = after.passed - before.passed
    if not (running >= SHORTEST and passed - running < _SLEPT and running - passed < _SLEPT):
        return None
    return running


def step(counter: Counter, before: int, after: int) -> int | None:
    """Return how far a total went from one value to another; None when it was set back.

    A narrow counter that falls from its last quarter into its first has wrapped; anything else that falls was set
    back: by a driver that was loaded anew, a reset, or a VF that went and came.
    """
    if after >= before:
        return after - before
    if counter.bits < 64:
        size = 1 << counter.bits
        if before < size and before >= size - size // 4 and after < size // 4:
            return after + size - before
    return None


def rate(counter: Counter, before: int | None, after: int | None, seconds: float | None) -> float | None:
    """Return a counter's rate per second (of a level: its value), or None.

    ``seconds`` is what ``seconds_between`` said of the two readings.
    """
    if after is None:
        return None
    if counter.kind is CounterKind.LEVEL:
        return float(after)
    if before is None or seconds is None:
        return None
    went = step(counter, before, after)
    if went is None:
        return None
    found = went / seconds
    return found if found <= _CEILINGS.get(counter.unit, _NO_HARDWARE) else None
