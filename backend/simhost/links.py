"""The network side of a simulated host: what rtnetlink and devlink answer."""

from __future__ import annotations

import errno
from collections.abc import Callable
from typing import TypeVar

from backend.host.doors import READING, StillWaiting, devlink_place, vf_place
from backend.model.links import (
    DevlinkPort,
    EswitchMode,
    PortSetting,
    PortSettingName,
    VfSetting,
    VfSettingName,
    VfTable,
)
from backend.simhost.access import Access
from backend.simhost.devlink import Devlink
from backend.simhost.netdev import NetDevice
from backend.simhost.schedule import Operation, Wait
from backend.simhost.tree import oops
from backend.simhost.vfpolicy import apply, info, ops_of, stats
from backend.simhost.waiting import Waiters

T = TypeVar("T")

_LIST_BYTES = 1 << 16
"""The list's length is kept in 16 bits; kernels before 7 do not look whether it fits."""
_BYTES, _BYTES_WITH_STATS = 196, 300
_MOST, _MOST_WITH_STATS = 256, 128
_LONGEST_NAME = 15


class SimulatedLinks:
    """Links of a simulated host."""

    def __init__(self, access: Access) -> None:
        self._access = access
        self._waiters = Waiters(access)

    def waiting(self) -> tuple[StillWaiting, ...]:
        """Return what was left behind and still goes on."""
        return self._waiters.left()

    async def vfs(self, interface: str, *, statistics: bool = False, deadline: float) -> VfTable:
        """Return the VFs of the PF that ``interface`` belongs to."""
        return await self._do(READING, interface, lambda: self._table(interface, statistics), deadline)

    async def set_vf(
        self, interface: str, parent: str, vf: int, name: VfSettingName, value: VfSetting, *, deadline: float
    ) -> None:
        """Set one thing of one VF."""

        def change() -> None:
            device = self._device(interface)
            found = device.function.address if device.function is not None else ""
            if found != parent:
                raise OSError(errno.ENODEV, f"{interface} belongs to {found} now, not to {parent}")
            self._only_root()
            apply(device, vf, name, value)

        await self._do(vf_place(interface, vf, name), interface, change, deadline)

    async def eswitch(self, device: str, *, deadline: float) -> EswitchMode:
        """Return the mode of a device's embedded switch."""
        return await self._do(devlink_place(device, "eswitch"), device, lambda: self._devlink.eswitch(device), deadline)

    async def set_eswitch(self, device: str, mode: EswitchMode, *, deadline: float) -> None:
        """Set the mode of a device's embedded switch."""

        def change() -> None:
            self._only_root()
            self._devlink.set_eswitch(device, mode)

        await self._do(devlink_place(device, "mode"), device, change, deadline)

    async def ports(self, device: str, *, deadline: float) -> tuple[DevlinkPort, ...]:
        """Return the devlink ports of a device."""
        found = await self._do(devlink_place(device, "ports"), device, lambda: self._devlink.ports(device), deadline)
        return tuple(found)

    async def set_port(
        self, device: str, port: int, name: PortSettingName, value: PortSetting, *, deadline: float
    ) -> None:
        """Set one thing of the function behind a port."""

        def change() -> None:
            self._only_root()
            self._devlink.set_port(device, port, name, value)

        await self._do(devlink_place(f"{device}/{port}", name), device, change, deadline)

    @property
    def _devlink(self) -> Devlink:
        return self._access.kernel.devlink

    async def _do(self, place: str, subject: str, work: Callable[[], T], deadline: float) -> T:
        """Do ``work`` when no fault at ``place`` holds it up; an error names its ``subject``."""
        access = self._access
        found: list[T] = []

        def operation() -> Operation:
            if access.faults.hangs(place):
                yield Wait(until=lambda: not access.faults.hangs(place), wchan="rtnl_lock")
            try:
                found.append(work())
            except OSError as error:
                error.filename = subject
                raise

        with access.lock:
            access.enter(place)
            job = access.kernel.core.schedule.start(operation())
        await self._waiters.wait(job, place, deadline)
        return found[0]

    def _only_root(self) -> None:
        if not self._access.privileged:
            raise oops(errno.EPERM)

    def _device(self, interface: str) -> NetDevice:
        if len(interface.encode("utf-8", "surrogateescape")) > _LONGEST_NAME:
            raise OSError(errno.ERANGE, "Attribute failed policy validation")
        device = self._access.kernel.network.devices.get(interface)
        if device is None or device.netns:
            raise oops(errno.ENODEV)
        return device

    def _table(self, interface: str, statistics: bool) -> VfTable:
        device = self._device(interface)
        f = device.function
        count = f.sriov.num if f is not None and f.sriov is not None else 0
        parent = f.address if f is not None else ""
        if f is None or ops_of(f) is None:
            return VfTable(interface, device.ifindex, parent, count)
        listed = self._listed(count, statistics)
        now = self._access.kernel.core.schedule.now
        return VfTable(
            interface, device.ifindex, parent, count, tuple(info(f, vf) for vf in range(listed)),
            tuple(stats(f, vf, now) for vf in range(listed)) if statistics else (),
            f"the kernel lists {listed} of {count} VFs" if listed < count else "",
        )  # fmt: skip

    def _listed(self, count: int, statistics: bool) -> int:
        if self._access.kernel.core.features.version >= (7, 0):
            return min(count, _MOST_WITH_STATS if statistics else _MOST)
        size = _BYTES_WITH_STATS if statistics else _BYTES
        return count if count * size < _LIST_BYTES else count * size % _LIST_BYTES // size
