"""Events that are open: what they have counted, mended where they had to share a counter."""

from __future__ import annotations

from backend.host.doors import EventCount, PerfEvent


class OpenEvent:
    """One event, or the same one on several CPUs.

    An event that shares a hardware counter with others counts for part of the time only. What it has counted in each
    interval is stretched to the whole of it, and added up: the sum never falls, as a stretched total could.
    """

    def __init__(self, parts: list[PerfEvent]) -> None:
        self._parts = [(part, EventCount(0, 0, 0)) for part in parts]
        self._total = 0.0
        self.share = 1.0
        """Of the last interval, the least part of the time in which it really counted."""

    def read(self) -> int:
        """Return what it has counted since it was opened. Raises ``OSError`` when it counts no more."""
        fresh = [(part, before, part.read()) for part, before in self._parts]
        self.share = 1.0
        for _, before, now in fresh:
            enabled, running = now.enabled - before.enabled, now.running - before.running
            if enabled > 0:
                share = running / enabled
                self.share = min(self.share, share)
                self._total += max(0, now.value - before.value) / share if share > 0 else 0
        self._parts = [(part, now) for part, _, now in fresh]
        return int(self._total)

    def close(self) -> None:
        """Stop counting."""
        for part, _ in self._parts:
            part.close()
