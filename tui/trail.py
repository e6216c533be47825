"""Where the operator has been, to go back and forth."""

from __future__ import annotations

from dataclasses import dataclass

from backend.present.view import View

MOST = 50


@dataclass(frozen=True, slots=True)
class Stop:
    """A view with its filter, and the row that was looked at."""

    view: View
    filter: str
    key: str


class Trail:
    """The stops behind and ahead."""

    def __init__(self) -> None:
        self._behind: list[Stop] = []
        self._ahead: list[Stop] = []

    @property
    def crumbs(self) -> tuple[Stop, ...]:
        """The last stops before this one, the oldest first."""
        return tuple(self._behind[-3:])

    def leave(self, stop: Stop) -> None:
        """Remember a stop that is about to be left for another."""
        if not self._behind or self._behind[-1] != stop:
            self._behind = [*self._behind, stop][-MOST:]
        self._ahead.clear()

    def back(self, here: Stop) -> Stop | None:
        """Return the stop before ``here``; None where it began."""
        if not self._behind:
            return None
        self._ahead.append(here)
        return self._behind.pop()

    def forth(self, here: Stop) -> Stop | None:
        """Return the stop from which ``back`` came; None when there is none."""
        if not self._ahead:
            return None
        self._behind.append(here)
        return self._ahead.pop()
