"""All doors of one host."""

from __future__ import annotations

from typing import TYPE_CHECKING, Protocol

from backend.host.doors.clock import Clock
from backend.host.doors.events import Events
from backend.host.doors.files import Files
from backend.host.doors.guarded import Guarded
from backend.host.doors.links import Links
from backend.host.doors.perf import Perf
from backend.host.doors.processes import Processes, Programs
from backend.host.doors.sockets import Sockets

if TYPE_CHECKING:
    from backend.model.source import Source


class HostDoors(Protocol):
    """All doors of one host.

    ``processes`` is None where the tree has no processes to speak of: holders are then unknown, not absent.
    """

    @property
    def source(self) -> Source:
        """Where the facts come from."""
        ...

    @property
    def files(self) -> Files:
        """Files that never take a device lock."""
        ...

    @property
    def guarded(self) -> Guarded:
        """Accesses that may block."""
        ...

    @property
    def events(self) -> Events:
        """Kernel events."""
        ...

    @property
    def links(self) -> Links:
        """The network side."""
        ...

    @property
    def perf(self) -> Perf:
        """Performance events."""
        ...

    @property
    def processes(self) -> Processes | None:
        """Processes, where the tree has any."""
        ...

    @property
    def sockets(self) -> Sockets | None:
        """Sockets of other programs; None where nobody lives who could answer (a tree, a capture)."""
        ...

    @property
    def programs(self) -> Programs | None:
        """Starting programs; None where nobody lives who could."""
        ...

    @property
    def clock(self) -> Clock:
        """The time this host lives by."""
        ...

    def name(self) -> str:
        """Return the host's name, raw."""
        ...

    def close(self) -> None:
        """Let go of descriptors and children; never waits."""
        ...
