"""The system's clock."""

from __future__ import annotations

import time


class SystemClock:
    """Real time."""

    def monotonic(self) -> float:
        """Return seconds that never run backwards."""
        return time.monotonic()

    def boottime(self) -> float:
        """Return seconds that go on while the machine sleeps."""
        return time.clock_gettime(time.CLOCK_BOOTTIME)

    def time(self) -> float:
        """Return seconds since the epoch; only for labels."""
        return time.time()

    async def sleep(self, seconds: float) -> None:
        """Return after that many seconds."""
        import asyncio

        await asyncio.sleep(seconds)
