"""What is said of the whole host, made again now and then rather than at every change."""

from __future__ import annotations

from collections.abc import Callable, Coroutine
from time import perf_counter
from typing import Any

from backend.model.host import Host
from backend.model.steps import Steps
from backend.state.schedule import in_slices

SHARE = 50
"""Making it may take one part in so many of the time."""


class Summary:
    """Runs ``make`` for the newest host, at most once a second and never often enough to matter."""

    def __init__(
        self,
        make: Callable[[Host], Steps[None]],
        run: Callable[[Coroutine[Any, Any, None]], object],
        after: Callable[[float, Callable[[], None]], object],
    ) -> None:
        self._make = make
        self._run = run
        self._after = after
        self._host: Host | None = None
        self._busy = False

    def follow(self, host: Host) -> None:
        """Take the newest host."""
        self._host = host
        if not self._busy:
            self._begin()

    def _begin(self) -> None:
        host, self._host = self._host, None
        self._busy = host is not None
        if host is not None:
            self._run(self._sum_up(host))

    async def _sum_up(self, host: Host) -> None:
        taken = await in_slices(_timed(self._make(host)))
        self._after(max(1.0, SHARE * taken), self._begin)


def _timed(steps: Steps[None]) -> Steps[float]:
    """Make the steps and return the seconds that they took by themselves."""
    taken = 0.0
    begun = perf_counter()
    for _ in steps:
        taken += perf_counter() - begun
        yield
        begun = perf_counter()
    return taken + perf_counter() - begun
