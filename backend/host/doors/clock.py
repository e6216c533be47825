"""The time that a host lives by."""

from __future__ import annotations

from typing import Protocol


class Clock(Protocol):
    """Time, so that tests and the simulated host may own it."""

    def monotonic(self) -> float:
        """Return seconds that never run backwards and stand still while the machine sleeps."""
        ...

    def boottime(self) -> float:
        """Return seconds that never run backwards and go on while the machine sleeps."""
        ...

    def time(self) -> float:
        """Return seconds since the epoch; only for labels."""
        ...

    async def sleep(self, seconds: float) -> None:
        """Return after that many of this clock's seconds."""
        ...
