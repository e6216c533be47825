"""The two sides of a migration, each with its monitor, and how both stand in the end."""

from __future__ import annotations

import asyncio
import time
from dataclasses import dataclass
from typing import ClassVar, Protocol

from backend.host.doors import HostDoors
from backend.migration.verdict import RESUME, STANDS, Side, Stand, at_rest, decide
from backend.model.migration import Verdict
from backend.vmm.errors import MonitorAbsent, VmmError
from backend.vmm.monitor import Monitor, connect

SETTLED = frozenset({"", "none", "completed", "failed", "cancelled"})
PATIENCE = 5.0
"""Seconds that a side has to say how it stands."""
_SETTLE = 20.0
"""Seconds that both sides have to come to rest after the end."""
_LOOK_AGAIN = 0.25


class Standing(Protocol):
    """One side, whoever answers for it."""

    resume: ClassVar[str]
    """What lets a VM go on that was handed over to nobody."""

    async def stand(self) -> Side:
        """Return how it stands."""
        ...


async def judge(source: Standing, destination: Standing, why: str) -> Verdict:
    """Return where the VM runs, asking both sides until they have come to rest. See ``decide``."""
    until = time.monotonic() + _SETTLE
    while True:
        here, there = await asyncio.gather(source.stand(), destination.stand())
        if at_rest(here, there) or time.monotonic() > until:
            return decide(here, there, why, resume=source.resume)
        await asyncio.sleep(_LOOK_AGAIN)


@dataclass(slots=True)
class Party:
    """One side: a QEMU on a host."""

    resume: ClassVar[str] = RESUME

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
            status = (await monitor.ask("query-status", deadline=PATIENCE))["status"]
            moving = (await monitor.ask("query-migrate", deadline=PATIENCE)).get("status", "none")
        except (VmmError, KeyError, TypeError, AttributeError) as error:
            await self.close()
            return Side(self.name, Stand.GONE if self.ended() else Stand.SILENT, str(error))
        stand = STANDS.get(status, Stand.PAUSED)
        return Side(self.name, stand, f"{status}, migration {moving}")

    async def moving(self) -> bool:
        """Return whether a migration of it goes on."""
        try:
            answer = await (await self.open()).ask("query-migrate")
        except VmmError:
            return False
        return answer.get("status", "none") not in SETTLED
