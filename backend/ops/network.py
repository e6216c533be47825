"""What the network side tells of PFs: asked once by a planner, then as fresh as the devices are."""

from __future__ import annotations

from collections.abc import Collection

from backend.host.doors import HostDoors
from backend.model.device import Device
from backend.model.links import DevlinkPort, EswitchMode, VfInfo, VfTable

DEADLINE = 10.0
"""Seconds after which an answer is not waited for."""


class Network:
    """The PFs that somebody asked about, as they were at the last ``refresh``.

    What could not be read is not there; ``why`` says why.
    """

    def __init__(self, doors: HostDoors) -> None:
        self._links = doors.links
        self._tables: dict[str, VfTable | None] = {}
        self._interfaces: dict[str, tuple[str, ...]] = {}
        self._ports: dict[str, tuple[DevlinkPort, ...]] = {}
        self._modes: dict[str, EswitchMode | None] = {}
        self.why: dict[str, str] = {}
        """By PF: why something of it could not be read."""

    async def look_at_vfs(self, pf: Device) -> VfTable | None:
        """Return the VFs of a PF as the first of its interfaces tells that has any; None where none does."""
        self._interfaces[pf.id] = pf.netdevs
        await self._read_vfs(pf.id)
        return self._tables[pf.id]

    async def look_at_ports(self, pf: str) -> tuple[DevlinkPort, ...]:
        """Return the devlink ports of a PF; () where devlink does not know it."""
        await self._read_ports(pf)
        return self._ports[pf]

    async def look_at_mode(self, pf: str) -> EswitchMode | None:
        """Return the mode of a PF's switch; None where it has none."""
        await self._read_mode(pf)
        return self._modes[pf]

    def table(self, pf: str) -> VfTable | None:
        """Return what was read of a PF's VFs."""
        return self._tables.get(pf)

    def vf(self, pf: str, index: int) -> VfInfo | None:
        """Return what was read of one VF."""
        table = self.table(pf)
        return next((vf for vf in table.vfs if vf.index == index), None) if table is not None else None

    def port(self, pf: str, index: int) -> DevlinkPort | None:
        """Return the port of one VF."""
        return next((port for port in self._ports.get(pf, ()) if port.vf == index), None)

    def mode(self, pf: str) -> EswitchMode | None:
        """Return what was read of a PF's switch."""
        return self._modes.get(pf)

    async def refresh(self, names: Collection[str]) -> None:
        """Read anew what was asked before of these devices."""
        for pf in names:
            if pf in self._tables:
                await self._read_vfs(pf)
            if pf in self._ports:
                await self._read_ports(pf)
            if pf in self._modes:
                await self._read_mode(pf)

    async def _read_vfs(self, pf: str) -> None:
        self._tables[pf] = None
        self.why[pf] = f"{pf} has no network interface: the host driver of the PF makes one"
        for interface in self._interfaces[pf]:
            try:
                table = await self._links.vfs(interface, deadline=DEADLINE)
            except OSError as error:
                self.why[pf] = f"{interface} does not tell of its VFs: {error.strerror or error}"
                continue
            if table.parent not in ("", pf):
                self.why[pf] = f"{interface} belongs to {table.parent} now"
            elif self._tables[pf] is None or table.vfs:
                self._tables[pf] = table
                self.why[pf] = table.reason or f"{interface} lists no such VF"

    async def _read_ports(self, pf: str) -> None:
        try:
            self._ports[pf] = await self._links.ports(handle(pf), deadline=DEADLINE)
        except OSError as error:
            self._ports[pf] = ()
            self.why[pf] = f"devlink does not tell of the ports of {pf}: {error.strerror or error}"

    async def _read_mode(self, pf: str) -> None:
        try:
            self._modes[pf] = await self._links.eswitch(handle(pf), deadline=DEADLINE)
        except OSError as error:
            self._modes[pf] = None
            self.why[pf] = f"devlink does not tell of the switch of {pf}: {error.strerror or error}"


def handle(pf: str) -> str:
    """Return what devlink calls a PCI function."""
    return f"pci/{pf}"
