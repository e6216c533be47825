"""Taking a device out of a running VM and putting it back with its regions mapped, or trapped.

QEMU decides at plug time whether the regions of a VFIO device are mapped into its process (``x-no-mmap``): the only way
from one to the other is hot-unplug and hot-plug, which the guest takes part in.
Source: hw/vfio/pci.c, qapi/qdev.json (device_del, DEVICE_DELETED).
"""

from __future__ import annotations

import errno
from dataclasses import dataclass
from typing import Any

from backend.host.doors import HostDoors, StillWaiting
from backend.ops.errors import Explained
from backend.vmm.devices import PERIPHERAL, ask_devices, least_arguments, plug_arguments, unplug
from backend.vmm.errors import CommandRefused, StillPlugged, VmmError
from backend.vmm.monitor import Monitor, connect

GUEST_PATIENCE = 20.0
"""Seconds that a guest has to let a device go. One that does not care never does."""

_MAPPED = b"anon_inode:[vfio-device]"
_MAPS_DEADLINE = 3.0


@dataclass(frozen=True, slots=True)
class PlugAgain:
    """The whole way, as one step: between its halves the VM would be without its device."""

    device: str
    """PCI address or mdev UUID."""
    trap: bool
    vm: str
    pid: int
    uid: int | None
    monitor: str
    """Path of the VM's QMP socket."""
    node: str = ""
    """``/dev/vfio/devices/vfioN`` where the device may have been opened by it."""
    patience: float = GUEST_PATIENCE

    @property
    def place(self) -> str:
        """What it acts on."""
        return f"qmp {self.vm} {self.device}"

    async def act(self, doors: HostDoors) -> None:
        """Do it. Raises ``Explained``, with the device plugged as before wherever that was possible."""
        assert doors.sockets is not None
        before = await self._mappings(doors)
        try:
            async with await connect(
                doors.sockets, self.monitor, self.vm, pid=self.pid, uid=self.uid, changes=True
            ) as monitor:
                await self._again(monitor)
        except VmmError as error:
            raise Explained(
                errno.EIO,
                f"{self.vm}: {error}",
                f"look whether {self.device} is still plugged in: `iovtop why {self.vm}`",
            ) from error
        after = await self._mappings(doors)
        if before is not None and after is not None and self.trap and after >= before > 0:
            raise Explained(
                errno.EIO,
                f"QEMU says that {self.device} is trapped, and as much of it as before is mapped into its process",
                f"look at /proc/{self.pid}/maps",
            )

    async def _again(self, monitor: Monitor) -> None:
        properties = (await ask_devices(monitor)).get(self.device)
        if properties is None:
            raise Explained(errno.ENODEV, f"{self.vm} has no device {self.device} any more: nothing was done")
        if bool(properties.get("x-no-mmap")) == self.trap:
            return
        old = await plug_arguments(monitor, properties)
        new = {**old, "x-no-mmap": self.trap}
        await self._out(monitor, old)
        try:
            await monitor.ask("device_add", new, deadline=60.0)
        except CommandRefused as refused:
            await self._back(monitor, old, refused)
        found = await monitor.ask("qom-get", {"path": f"{PERIPHERAL}/{old['id']}", "property": "x-no-mmap"})
        if found is not self.trap:
            raise Explained(errno.EIO, f"QEMU plugged {self.device} in, and says x-no-mmap is {found}")

    async def _out(self, monitor: Monitor, plug: dict[str, Any]) -> None:
        try:
            await unplug(monitor, plug["id"], self.patience)
        except StillPlugged as still:
            if still.refused:
                raise Explained(
                    errno.EBUSY, f"the guest of {self.vm} refuses to let {self.device} go: nothing changed",
                    "stop using it in the guest, then try again",
                ) from still  # fmt: skip
            words = " ".join(f"{key}={value}" for key, value in plug.items())
            raise Explained(
                errno.ETIMEDOUT,
                f"the guest of {self.vm} did not let {self.device} go in {self.patience:g} s: nothing changed",
                f"its system must know PCIe hot-unplug; if it lets go later, plug it in by hand: device_add {words}",
            ) from still

    async def _back(self, monitor: Monitor, old: dict[str, Any], refused: CommandRefused) -> None:
        """Plug the old way, at the worst with nothing but what is needed, and raise what happened."""
        least = least_arguments(old)
        for plug in (old, least) if least != old else (old,):
            try:
                await monitor.ask("device_add", plug, deadline=60.0)
            except CommandRefused as one:
                again = one
                continue
            lost = sorted(set(old) - set(plug))
            without = f", without {', '.join(lost)}" if lost else ""
            raise Explained(
                errno.EIO,
                f"QEMU did not take {self.device} the new way ({refused.text}): it is plugged in as before{without}",
            ) from refused
        words = " ".join(f"{key}={value}" for key, value in old.items())
        raise Explained(
            errno.EIO,
            f"{self.vm} is WITHOUT {self.device}: QEMU did not take it again, neither the new way "
            f"({refused.text}) nor the old ({again.text})",
            f"when the reason has gone: device_add {words}",
        ) from again

    async def _mappings(self, doors: HostDoors) -> int | None:
        """Return how many regions of VFIO devices are mapped into the process; None where that cannot be read."""
        try:
            text = await doors.guarded.read(f"/proc/{self.pid}/maps", deadline=_MAPS_DEADLINE)
        except (OSError, StillWaiting):
            return None
        return (
            text.count(self.node.encode() + b"\n") if self.node and self.node.encode() in text else text.count(_MAPPED)
        )
