"""Hosts and sessions made by hand."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Iterable
from dataclasses import replace

from backend.agent.client import AgentOperator
from backend.agent.transports import Ask
from backend.model.counters import Flow
from backend.model.delta import Delta
from backend.model.device import DataPath, Device, DeviceKind, Sriov, VfManager
from backend.model.facts import FactState
from backend.model.group import IommuGroup, Viability
from backend.model.holder import Holder, HolderKind
from backend.model.host import HolderScan, Host, Iommu
from backend.model.ids import DeviceId, GroupId, PciAddress, id_order
from backend.model.region import Region
from backend.ops.errors import ReadOnly
from backend.state.closer import CloserLook
from backend.state.diff import difference
from backend.state.guarded import GuardedFact
from backend.state.live import LiveStatus, empty_host
from tui.bridge import Session

VIABLE = Viability(True, (), "")


def pf_address(number: int) -> PciAddress:
    return PciAddress.from_numbers(number >> 7, (number & 127) << 9)


def make_pf(number: int, vfs: int) -> list[Device]:
    """Return a PF and its VFs, each in a group of its own, every fourth VF held by a VM."""
    address = pf_address(number)
    addresses = tuple(PciAddress.from_numbers(address.domain, address.requester + 1 + n) for n in range(vfs))
    sriov = Sriov(addresses, 256, 1, 1, "1017", True, VfManager.HOST_DRIVER)
    path, group = f"/devices/pci/{address}", number * 300
    pf = Device(
        address, DeviceKind.PF, path, driver="mlx5_core", path=DataPath.HOST, group=GroupId(group), numa=number % 2,
        vendor="15b3", device="1017", class_code="020000", name="ConnectX-5", netdevs=(f"ens{number}np0",), sriov=sriov,
    )  # fmt: skip
    return [pf, *(make_vf(pf, n) for n in range(vfs))]


def make_vf(pf: Device, index: int) -> Device:
    assert pf.sriov is not None
    assert pf.group is not None
    held = index % 4 == 0
    holders = (Holder(HolderKind.VM, f"vm-{index % 8}", pid=4000 + index % 8, via="fdinfo"),) if held else ()
    path = DataPath.PASSTHROUGH if held else DataPath.READY
    return Device(
        pf.sriov.vfs[index], DeviceKind.VF, f"{pf.sysfs}/vf{index}", driver="vfio-pci", path=path, holders=holders,
        group=GroupId(pf.group + 1 + index), parent=str(pf.id), index=index, vfio=True, class_code="020000",
        vendor="15b3", device="1018", name="ConnectX-5 VF",
    )  # fmt: skip


def make_host(devices: Iterable[Device] = (), **fields: object) -> Host:
    """Return a host with these devices and the groups that they name."""
    found: dict[DeviceId, Device] = {device.id: device for device in devices}
    members: dict[GroupId, list[DeviceId]] = {}
    for device in found.values():
        if device.group is not None:
            members.setdefault(device.group, []).append(device.id)
    groups = {group: IommuGroup(group, tuple(ids), VIABLE, "DMA-FQ") for group, ids in members.items()}
    host = Host(
        "hv07", "live", "", "6.12.0", "boot", 0.0, 0, Iommu(("dmar0",), "Intel VT-d"), found, {}, groups, (),
        HolderScan(True),
    )  # fmt: skip
    return replace(host, **fields)  # type: ignore[arg-type]


def make_pfs(pfs: int, vfs: int) -> Host:
    return make_host(device for number in range(pfs) for device in make_pf(number, vfs))


def with_devices(host: Host, *devices: Device, without: Iterable[str] = ()) -> Host:
    """Return the host with other records of some devices, and without some."""
    gone = frozenset(without)
    found = {key: device for key, device in host.devices.items() if key not in gone}
    found.update((device.id, device) for device in devices)
    return replace(host, devices=dict(sorted(found.items(), key=lambda item: id_order(item[0]))))


def step(old: Host, new: Host, sequence: int = 0) -> Delta:
    return difference(old, new, sequence)


class FakeLive(Session):
    """A session whose deltas a test gives."""

    def __init__(self, host: Host | None = None) -> None:
        self.visible: frozenset[str] = frozenset()
        self.measure_all = False
        self.history: dict[tuple[str, str, int], list[float | None]] = {}
        self.interval = 1.0
        self.status = LiveStatus(reading=host is None, events=True)
        self.closed = False
        self.facts: tuple[GuardedFact, ...] = (GuardedFact("driver_override", "vfio-pci", FactState.KNOWN),)
        self.look = CloserLook((Region("BAR 0", 0x1000, 0x4000, "memory", ("64-bit",)),), unread=("reset",))
        self.asked: list[str] = []
        self.hang = False
        self._host: Host | None = None
        self._queue: asyncio.Queue[Delta | Exception] = asyncio.Queue()
        if host is not None:
            self.give(host)

    @property
    def host(self) -> Host | None:
        return self._host

    @property
    def player(self) -> None:
        return None

    def give(self, host: Host) -> None:
        """Let the host become this."""
        old = self._host if self._host is not None else empty_host(host)
        self._host = host
        self._queue.put_nowait(difference(old, host, 0))

    def fail(self, error: Exception) -> None:
        self._queue.put_nowait(error)

    async def deltas(self) -> AsyncIterator[Delta]:
        while True:
            item = await self._queue.get()
            if isinstance(item, Exception):
                raise item
            self.status.reading = False
            yield item

    async def guarded_facts(self, device: Device) -> tuple[GuardedFact, ...]:
        self.asked.append(str(device.id))
        if self.hang:
            await asyncio.sleep(3600)
        return self.facts

    async def closer_look(self, device: Device) -> CloserLook:
        self.asked.append(f"closer {device.id}")
        return self.look

    def recent(self, subject: str, flow: Flow, place: int) -> list[float | None]:
        return self.history.get((subject, flow.set.id, place), [])

    def close(self) -> None:
        self.closed = True


async def never_open(ask: Ask | None, *, write: bool = True) -> AgentOperator:
    """Open nothing: for a screen that only shows."""
    raise ReadOnly("this screen only shows")
