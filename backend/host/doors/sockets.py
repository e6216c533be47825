"""Unix sockets of other programs."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Protocol

if TYPE_CHECKING:
    import socket


@dataclass(frozen=True, slots=True)
class Peer:
    """Who listens at the other end of a unix socket, as the kernel vouches (SO_PEERCRED)."""

    pid: int
    uid: int


class Sockets(Protocol):
    """Unix sockets of other programs, by the paths that this host gives them. They may block: use a thread."""

    def danger(self, path: str, trusted: frozenset[int]) -> str:
        """Return why somebody other than the users ``trusted`` and ourselves could stand in for the socket; "" if none.

        Raises ``OSError`` when there is no such socket, or it cannot be looked at.
        """
        ...

    def connect(self, path: str) -> tuple[socket.socket, Peer]:
        """Return a connection, and who listens. Raises ``OSError`` as connect(2) does."""
        ...

    def beside(self, path: str) -> str:
        """Return a path at which whoever listens on ``path`` may make another socket, as its own kernel names it."""
        ...
