"""The host as a planner sees it: one fresh picture, and attributes that no picture holds."""

from __future__ import annotations

import asyncio
import os
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import replace
from typing import Any

from backend.host.doors import HostDoors, StillWaiting
from backend.model.device import Device, DeviceKind
from backend.model.host import Host
from backend.model.ids import DeviceId, PciAddress
from backend.model.steps import Steps
from backend.model.text import clean
from backend.ops.errors import NoSuchDevice, Refused
from backend.ops.network import Network
from backend.probe import mdev, pci
from backend.probe.holders import HolderFindings
from backend.probe.modules import ModuleAliases
from backend.probe.vital import read_vital
from backend.state.aside import HolderScanner
from backend.state.collect import Collector
from backend.state.schedule import in_slices

SCAN_DEADLINE = 15.0
"""Seconds after which a look for holders is left behind: everything then counts as held."""

READ_DEADLINE = 2.0
"""Seconds after which the reading of a guarded attribute is left behind."""


class World:
    """One host, as true as its last ``refresh``.

    Args:
        scanner: looks for holders.
        ssh_client: address of the operator's SSH client; "" for a local session.

    Attributes:
        doors: the host's doors.
        network: what the network side tells of the PFs that were asked about.
        modules: which drivers the kernel's modules have.
    """

    def __init__(self, doors: HostDoors, scanner: HolderScanner, ssh_client: str = "") -> None:
        self.doors = doors
        self.ssh_client = ssh_client
        self.modules = ModuleAliases(doors.files)
        self._collector = Collector(doors)
        self._reading = asyncio.Lock()
        self._scanner = scanner
        self.network = Network(doors)
        self._configs: dict[str, bytes] = {}
        self._supposed: dict[str, Mapping[str, Any] | None] = {}
        self._files: dict[str, str] = {}

    def suppose(self, devices: Mapping[str, Mapping[str, Any] | None], files: Mapping[str, str]) -> None:
        """See some things as they will be: for planning what comes after other steps. Checks look at what is."""
        for name, fields in devices.items():
            self._supposed[name] = None if fields is None else {**(self._supposed.get(name) or {}), **fields}
        self._files |= files

    def supposed(self, path: str) -> str | None:
        """Return what a file will read after the steps before; None where none of them writes it."""
        return self._files.get(path)

    def stop_supposing(self) -> None:
        """See everything as it is again."""
        self._supposed.clear()
        self._files.clear()

    @property
    def host(self) -> Host:
        """The picture of the last look."""
        host = self._collector.host
        assert host is not None, "look first"
        return host

    async def look(self) -> None:
        """Read everything anew, holders too."""
        await self._look_for_holders()
        await self._read(self._collector.read_all())

    async def refresh(self, names: Iterable[str]) -> None:
        """Read some devices anew, and who holds what."""
        await self._look_for_holders()
        await self.refresh_quickly(names)

    async def refresh_quickly(self, names: Iterable[str]) -> None:
        """Read some devices anew, but not who holds them: for readbacks and progress."""
        names = frozenset(names)
        await self._read(self._collector.read_some(names))
        await self.network.refresh(names)
        for name in self._configs.keys() & names:
            if self.find(name) is not None:
                await self.look_at_config(name)

    async def _look_for_holders(self) -> None:
        if self.doors.processes is None:
            return
        try:
            findings: HolderFindings = await self._scanner.scan(SCAN_DEADLINE)
        except StillWaiting as waiting:
            await self._read(self._collector.holders_failed(f"the look for holders has not come back: {waiting}"))
        except OSError as error:
            await self._read(self._collector.holders_failed(f"the look for holders failed: {error.strerror or error}"))
        else:
            await self._read(self._collector.set_holders(findings))

    async def _read(self, steps: Steps[None]) -> None:
        """Read, one reading at a time: each builds on the picture that the one before left."""
        async with self._reading:
            await in_slices(steps)

    def device(self, name: str) -> Device:
        """Return a device by its id. Raises ``NoSuchDevice``."""
        found = self.find(name)
        if found is None:
            raise NoSuchDevice(f"this host has no device {clean(name, 64)}", "`iovtop snapshot` lists those it has")
        return found

    def find(self, name: str) -> Device | None:
        """Return a device by its id, or None."""
        device = self.host.devices.get(DeviceId(name))
        if device is None or name not in self._supposed:
            return device
        fields = self._supposed[name]
        return None if fields is None else replace(device, **fields)

    def devices(self) -> Iterator[Device]:
        """Yield all devices."""
        for name in self.host.devices:
            device = self.find(name)
            if device is not None:
                yield device

    def attribute(self, device: str, name: str) -> str | None:
        """Return an attribute that takes no lock; None where the device has none such, or it cannot be read."""
        return self.read(attribute_path(self.device(device), name))

    def read(self, path: str, limit: int = 1 << 20) -> str | None:
        """Return a file's text, stripped; None where there is none or it cannot be read."""
        if path in self._files:
            return self._files[path]
        try:
            return self.doors.files.read(path, limit).decode("utf-8", "backslashreplace").strip()
        except OSError:
            return None

    def link(self, path: str) -> str:
        """Return the last part of a link's target; "" where there is none."""
        try:
            return os.path.basename(self.doors.files.readlink(path))
        except OSError:
            return ""

    def exists(self, path: str) -> bool:
        """Return whether there is such a file or directory."""
        try:
            self.doors.files.stat(path)
        except OSError:
            return False
        return True

    async def guarded(self, path: str) -> str | None:
        """Return a file that may wait for a lock; None where it did not come in time or cannot be read."""
        try:
            return await self._guarded(path)
        except (StillWaiting, OSError):
            return None

    async def _guarded(self, path: str) -> str:
        if path in self._files:
            return self._files[path]
        found = await self.doors.guarded.read(path, deadline=READ_DEADLINE)
        text = found.decode("utf-8", "backslashreplace").strip()
        return "" if text == "(null)" else text

    async def look_at_config(self, name: str) -> bytes:
        """Read the configuration space of a function, which may have to wake it; b"" where it cannot be read."""
        path = attribute_path(self.device(name), "config")
        try:
            self._configs[name] = await self.doors.guarded.read(path, deadline=READ_DEADLINE)
        except (StillWaiting, OSError):
            self._configs[name] = b""
        return self._configs[name]

    def config(self, name: str) -> bytes:
        """Return the configuration space as it was at the last refresh, once it was looked at."""
        return self._configs.get(name, b"")

    def vital(self) -> dict[str, tuple[str, ...]]:
        """Return function → what of the host itself hangs on it: root disk, swap, default route, SSH, console."""
        return read_vital(self.doors.files, self.ssh_client)

    async def override(self, device: Device) -> str:
        """Return a function's ``driver_override``; "" = none. Raises ``Refused`` when it does not come."""
        try:
            return await self._guarded(attribute_path(device, "driver_override"))
        except StillWaiting:
            raise Refused(
                f"driver_override of {device.id} cannot be read: somebody holds the lock of the device",
                "see what is being done to it: `iovtop recover`, dmesg",
            ) from None
        except OSError as error:
            raise Refused(f"driver_override of {device.id} cannot be read: {error.strerror or error}") from error

    def driver_now(self, name: str) -> str:
        """Return the driver that a device's own link names this very moment; "" for none or no device."""
        return self.link(f"{mdev.BUS if self._is_mdev(name) else pci.BUS}/{name}/driver")

    def vfs_now(self, pf: PciAddress) -> list[str]:
        """Return the VFs that a PF's links name this very moment, by index."""
        try:
            names = [name for name in self.doors.files.list(f"{pci.BUS}/{pf}") if name.startswith("virtfn")]
            links = sorted(names, key=lambda name: int(name.removeprefix("virtfn")))
            return [os.path.basename(self.doors.files.readlink(f"{pci.BUS}/{pf}/{name}")) for name in links]
        except OSError:
            return []

    def _is_mdev(self, name: str) -> bool:
        device = self.find(name)
        return device is not None and device.kind is DeviceKind.MDEV


def attribute_path(device: Device, name: str) -> str:
    """Return the path of an attribute of a device."""
    return f"{mdev.BUS if device.kind is DeviceKind.MDEV else pci.BUS}/{device.id}/{name}"
