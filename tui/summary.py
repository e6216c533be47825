"""What is said of the whole host, made again now and then rather than at every change."""

from __future__ import annotations

from collections.abc import Callable
from time import perf_counter

from backend.model.host import Host

SHARE = 50
"""Making it may take one part in so many of the time."""


class Summary:
    """Calls ``make`` with the newest host, at most once a second and never often enough to matter."""

    def __init__(self, make: Callable[[Host], None], after: Callable[[float, Callable[[], None]], object]) -> None:
        self._make = make
        self._after = after
        self._host: Host | None = None
        self._resting = False

    def follow(self, host: Host) -> None:
        """Take the newest host."""
        self._host = host
        if not self._resting:
            self._run()

    def _run(self) -> None:
        self._resting = False
        host, self._host = self._host, None
        if host is None:
            return
        start = perf_counter()
        self._make(host)
        self._resting = True
        self._after(max(1.0, SHARE * (perf_counter() - start)), self._run)
