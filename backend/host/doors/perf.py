"""Performance events."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Protocol


@dataclass(frozen=True, slots=True)
class EventConfig:
    """Which event to count: the fields of ``struct perf_event_attr`` that say so."""

    type: int
    """The PMU's ``type``; 2 for a tracepoint."""
    config: int = 0
    """A tracepoint's id, or what the PMU's ``format`` and ``events`` folders make of an event."""
    config1: int = 0
    config2: int = 0
    config3: int = 0


TRACEPOINT = 2
"""PERF_TYPE_TRACEPOINT: the type of every tracepoint."""


@dataclass(frozen=True, slots=True)
class EventCount:
    """What an event has counted."""

    value: int
    enabled: int
    """Nanoseconds since it was opened."""
    running: int
    """Nanoseconds of those in which it really had a counter: fewer where events share the hardware."""


class PerfEvent(Protocol):
    """One open event, counting."""

    def read(self) -> EventCount:
        """Return what it has counted so far."""
        ...

    def close(self) -> None:
        """Stop counting. Closing twice is harmless."""
        ...


class Perf(Protocol):
    """Performance events by ``perf_event_open``."""

    def open(self, event: EventConfig, *, cpu: int, pid: int = -1) -> PerfEvent:
        """Begin to count on a CPU (-1: any, for one process) for a process (-1: all of them).

        Raises ``EACCES`` or ``EPERM`` without CAP_PERFMON where ``perf_event_paranoid`` forbids it, ``ENOENT``,
        ``ENODEV`` or ``EINVAL`` where the PMU does not know the event, ``EOPNOTSUPP`` where there is no kernel to ask.
        """
        ...
