"""The two sides of a migration, each with its monitor, and how each stands."""

from __future__ import annotations

from dataclasses import dataclass

from backend.host.doors import HostDoors
from backend.migration.verdict import STANDS, Side, Stand
from backend.vmm.errors import MonitorAbsent, VmmError
from backend.vmm.monitor import Monitor, connect

SETTLED = frozenset({"", "none", "completed", "failed", "cancelled"})
_PATIENCE = 5.0
"""Seconds that a side has to say how it stands."""


@dataclass(slots=True)
class Party:
    """One side: a QEMU on a host."""

    doors: HostDoors
    name: str
    path: str
    """Its monitor, as the host names it."""
    pid: int | None = None
    """Its process; None where only the socket was given. Filled in when it is connected."""
    uid: int | None = None
    monitor: Monitor | None = None

    async def open(self) -> Monitor:
        """Return the monitor, connected for changes. Raises ``VmmError``."""
        if self.monitor is None:
            if self.doors.sockets is None:
                raise MonitorAbsent(f"{self.name}: nothing lives on this host that could be asked")
            self.monitor = await connect(
                self.doors.sockets, self.path, self.name, pid=self.pid, uid=self.uid, changes=True
            )
            self.pid = self.monitor.pid
        return self.monitor

    async def close(self) -> None:
        """Let the monitor go."""
        if self.monitor is not None:
            await self.monitor.close()
            self.monitor = None

    def ended(self) -> bool:
        """Return whether its process is known to have ended; one that nobody has collected has ended too."""
        if self.doors.processes is None or self.pid is None:
            return False
        try:
            text = self.doors.files.read(f"/proc/{self.pid}/stat", 4096)
        except (FileNotFoundError, ProcessLookupError):
            return True
        except OSError:
            return False
        return text.rpartition(b")")[2].split()[:1] in ([b"Z"], [b"X"])

    async def stand(self) -> Side:
        """Return how it stands, by asking it; by its process where it does not answer."""
        if self.monitor is not None and not self.monitor.connected:
            await self.close()
        if self.ended():
            return Side(self.name, Stand.GONE)
        try:
            monitor = await self.open()
            status = (await monitor.ask("query-status", deadline=_PATIENCE))["status"]
            moving = (await monitor.ask("query-migrate", deadline=_PATIENCE)).get("status", "none")
        except (VmmError, KeyError, TypeError, AttributeError) as error:
            await self.close()
            return Side(self.name, Stand.GONE if self.ended() else Stand.SILENT, str(error))
        stand = STANDS.get(status, Stand.PAUSED)
        return Side(self.name, stand, f"{status}, migration {moving}")
