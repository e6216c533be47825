"""What is plugged into one simulated QEMU, and the commands that plug, unplug and look at it."""

from __future__ import annotations

import asyncio
import contextlib
import time
from collections.abc import Callable, Mapping, Sequence
from itertools import pairwise
from typing import TYPE_CHECKING, Any

from backend.simhost.function import Function
from backend.simhost.mdev import Mdev
from backend.simhost.qemu.devices import PluggedDevice, check_plug, from_command_line, list_properties
from backend.simhost.qemu.errors import QmpError, argument
from backend.simhost.vfio import VfioDevice

if TYPE_CHECKING:
    from backend.simhost.qemu.machine import SimQemu

_NATIVE_UNPLUG_SECONDS = 5.0
_GUEST_SECONDS = 0.4
"""What a guest takes to let a device go."""


class Plugging:
    """The devices of a QEMU.

    Args:
        qemu: whose they are.
        argv: the command line that it was started with.

    Attributes:
        devices: what is plugged in, by id.
        refused: what the next orders to plug a device in fail with, one each.
    """

    def __init__(self, qemu: SimQemu, argv: Sequence[str]) -> None:
        self._qemu = qemu
        self.devices: dict[str, PluggedDevice] = {}
        self.refused: list[str] = []
        for word, value in pairwise(argv):
            if word == "-device":
                device = from_command_line(value)
                self.devices[device.id] = device

    def commands(self) -> dict[str, Callable[[Mapping[str, Any]], Any]]:
        """Return the QMP commands of devices, by name."""
        return {
            "query-pci": self._pci,
            "qom-list": self._qom_list,
            "qom-get": self._qom_get,
            "qom-set": self._qom_set,
            "device-list-properties": lambda a: list_properties(argument(a, "typename")),
            "device_add": self._device_add,
            "device_del": self._device_del,
        }

    def vfio_devices(self) -> list[tuple[PluggedDevice, VfioDevice | None]]:
        """Return the host devices plugged in, each with its side in the kernel."""
        with self._qemu.access.lock:
            return [(d, self._kernel_side(d.host)) for d in self.devices.values() if d.driver == "vfio-pci"]

    def set_device_states(self, state: str) -> None:
        """Let every migratable VFIO device be in ``state``, as debugfs shows it."""
        for _, vfio in self.vfio_devices():
            if vfio is not None and vfio.migration:
                vfio.state = state

    def _kernel_side(self, name: str) -> VfioDevice | None:
        try:
            return self._qemu.access.kernel.device(name).vfio
        except KeyError:
            return None

    def _pci(self, arguments: Mapping[str, Any]) -> list[dict[str, Any]]:
        found = []
        for number, device in enumerate(self.devices.values()):
            entry: dict[str, Any] = {"bus": 0, "slot": number + 1, "function": 0, "qdev_id": device.id, "regions": []}
            if device.driver == "vfio-pci":
                with self._qemu.access.lock, contextlib.suppress(KeyError):
                    entry["regions"] = _regions(self._qemu.access.kernel.device(device.host))
            found.append(entry)
        return [{"bus": 0, "devices": found}]

    def _device_at(self, path: str) -> PluggedDevice:
        device = self.devices.get(path.removeprefix("/machine/peripheral/"))
        if device is None:
            raise QmpError(f"Device '{path}' not found", "DeviceNotFound")
        return device

    def _qom_list(self, arguments: Mapping[str, Any]) -> list[dict[str, str]]:
        path = str(argument(arguments, "path"))
        if path == "/machine/peripheral":
            children = [{"name": d.id, "type": f"child<{d.driver}>"} for d in self.devices.values()]
            return [{"name": "type", "type": "string"}, *children]
        return self._device_at(path).listed()

    def _qom_get(self, arguments: Mapping[str, Any]) -> Any:
        path, name = str(argument(arguments, "path")), str(argument(arguments, "property"))
        if path == "/machine" and name == "type":
            return f"{self._qemu.plan.machine_type}-machine"
        device = self._device_at(path)
        port = self.devices.get(device.bus)
        return device.get(name, hotpluggable=port is not None)

    def _qom_set(self, arguments: Mapping[str, Any]) -> Any:
        device = self._device_at(str(argument(arguments, "path")))
        name = argument(arguments, "property")
        device.get(str(name), hotpluggable=True)
        raise QmpError(
            f"Attempt to set property '{name}' on device '{device.id}' (type '{device.driver}') after it was realized"
        )

    def _device_add(self, arguments: Mapping[str, Any]) -> dict[str, Any]:
        device = check_plug(arguments, self.devices)
        if self.refused:
            raise QmpError(self.refused.pop(0))
        if device.driver == "vfio-pci":
            self._open(device)
        self.devices[device.id] = device
        return {}

    def _open(self, device: PluggedDevice) -> None:
        name = device.host
        with self._qemu.access.lock:
            kernel = self._qemu.access.kernel
            try:
                target = kernel.device(name)
            except KeyError:
                raise QmpError(
                    f"vfio /sys/bus/pci/devices/{name}: no such host device: No such file or directory"
                ) from None
            group = target.group.id if target.group is not None else 0
            vfio = target.vfio
            if device.properties.get("enable-migration") == "on" and vfio is not None and not vfio.migration:
                raise QmpError(f"vfio {name}: {name}: VFIO migration is not supported in kernel")
            try:
                kernel.open_device(self._qemu.process.pid, name, mapped=not device.properties.get("x-no-mmap", False))
            except OSError as error:
                node = f"/dev/vfio/devices/vfio{vfio.index}" if vfio and device.properties.get("iommufd") else ""
                node = node or f"/dev/vfio/{group}"
                raise QmpError(f"vfio {name}: Could not open '{node}': {error.strerror}") from error

    def _device_del(self, arguments: Mapping[str, Any]) -> dict[str, Any]:
        name = str(argument(arguments, "id"))
        device = self.devices.get(name)
        if device is None:
            raise QmpError(f"Device '{name}' not found", "DeviceNotFound")
        if not device.bus or device.bus == "pcie.0":
            raise QmpError("Bus 'pcie.0' does not support hotplugging")
        now = time.monotonic() * self._qemu.speed
        if device.leaving_until is not None and now < device.leaving_until:
            raise QmpError(f"Device {name} is already in the process of unplug")
        device.leaving_until = now + _NATIVE_UNPLUG_SECONDS
        # A slot that the guest never switched on lets go by itself.
        if self._qemu.running and (self._qemu.plan.guest == "linux" or device.hotplugged):
            self._qemu.spawn(self._let_go(device))
        return {}

    async def _let_go(self, device: PluggedDevice) -> None:
        await asyncio.sleep(_GUEST_SECONDS / self._qemu.speed)
        if self._qemu.ended or self.devices.pop(device.id, None) is None:
            return
        if device.driver == "vfio-pci":
            with self._qemu.access.lock:
                self._qemu.access.kernel.close_device(self._qemu.process.pid, device.host)
        self._qemu.emit("DEVICE_DELETED", {"device": device.id, "path": f"/machine/peripheral/{device.id}"})


def _regions(device: Function | Mdev) -> list[dict[str, Any]]:
    if isinstance(device, Mdev):
        return []
    return [
        {"bar": bar, "type": "memory", "size": device.model.bar, "address": 0xFE00_0000 + bar * device.model.bar}
        for bar in device.model.bars
    ]
