"""The door to performance events of the simulated kernel."""

from __future__ import annotations

import errno
from collections.abc import Callable

from backend.host.doors import EventConfig, EventCount
from backend.simhost.access import Access
from backend.simhost.tree import oops


class SimulatedPerf:
    """Events of the simulated host: what ``backend.simhost.pmus`` knows, for root."""

    def __init__(self, access: Access) -> None:
        self._access = access

    def open(self, event: EventConfig, *, cpu: int, pid: int = -1) -> SimulatedPerfEvent:
        """Begin to count. Raises EACCES for a user, ENOENT for an unknown event, EINVAL for a CPU that is not there."""
        with self._access.lock:
            self._access.enter("perf_event_open")
            if not self._access.privileged:
                raise oops(errno.EACCES, "perf_event_open")
            if cpu >= self._access.kernel.core.features.cpus:
                raise oops(errno.EINVAL, "perf_event_open")
            counting = self._access.kernel.pmus.counting(event.type, event.config, event.config1)
            if counting is None:
                raise oops(errno.ENOENT, "perf_event_open")
            return SimulatedPerfEvent(self._access, counting)


class SimulatedPerfEvent:
    """One event that counts from the moment it was opened."""

    def __init__(self, access: Access, counting: Callable[[float], int]) -> None:
        self._access = access
        self._counting = counting
        self._opened = access.kernel.core.schedule.now
        self._base = counting(access.kernel.core.age())
        self._last = 0

    def read(self) -> EventCount:
        """Return what it has counted so far. A function that stops keeps what it has counted."""
        with self._access.lock:
            self._access.enter("perf event")
            core = self._access.kernel.core
            self._last = max(self._last, self._counting(core.age()) - self._base)
            elapsed = int((core.schedule.now - self._opened) * 1e9)
            return EventCount(self._last, elapsed, elapsed)

    def close(self) -> None:
        """Stop counting."""
