"""What must hold before a step, and what must be found after it. Each is asked again and again of a ``World``."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Protocol

from backend.model.device import Device
from backend.model.holder import Holder, HolderKind
from backend.model.ids import PciAddress
from backend.model.plan import Condition
from backend.ops.world import World


class Check(Protocol):
    """A question to the host."""

    def ask(self, world: World) -> Condition:
        """Return how it stands. The world was refreshed before."""
        ...

    @property
    def about(self) -> tuple[str, ...]:
        """The devices that must be read anew to answer it."""
        ...


def holder_text(holder: Holder) -> str:
    """Return who it is and how we know: ``vm web-2 (pid 4242, by fdinfo)``."""
    who = holder.name if holder.kind in (HolderKind.UNSEEN, HolderKind.NETNS) else f"{holder.kind} {holder.name}"
    facts = [f"pid {holder.pid}"] * (holder.pid is not None) + [f"by {holder.via}"] * bool(holder.via)
    facts += [holder.detail] * bool(holder.detail)
    return f"{who} ({', '.join(facts)})" if facts else who


def holders_of(device: Device) -> str:
    """Return who holds a device, in one phrase; unseen holders count. "" = nobody."""
    if device.holders:
        return "; ".join(holder_text(holder) for holder in device.holders)
    note = device.notes.get("holders")
    return f"cannot be told: {note.reason}" if note is not None else ""


_HOSTS_OWN = frozenset({HolderKind.NETWORK, HolderKind.STORAGE})


@dataclass(frozen=True, slots=True)
class NotHeld:
    """That nobody uses a device. What cannot be seen counts as held; a device that is gone is held by nobody."""

    device: str
    host_too: bool = True
    """Whether the host's own network and disks count. Not for a protected device, whose id has to be typed."""

    @property
    def about(self) -> tuple[str, ...]:
        """The device."""
        return (self.device,)

    def ask(self, world: World) -> Condition:
        """Return who holds it."""
        text = f"nobody holds {self.device}" if self.host_too else f"nobody but the host itself holds {self.device}"
        device = world.find(self.device)
        if device is None:
            return Condition(text, True)
        if not device.holders:
            unseen = holders_of(device) or _unseen(world, device)
            remedy = "look as root, so that every process can be seen" if unseen else ""
            return Condition(text, not unseen, unseen, remedy)
        counted = [holder for holder in device.holders if self.host_too or holder.kind not in _HOSTS_OWN]
        if not counted:
            return Condition(text, True)
        return Condition(text, False, f"held by {'; '.join(map(holder_text, counted))}", _let_go(counted[0]))


def _unseen(world: World, device: Device) -> str:
    """Return why a user of a device with a host driver may not have been seen; "" where every process was.

    A device on a VFIO driver says that itself, in its notes; one without a driver has nothing to be opened.
    """
    scan = world.host.holder_scan
    if scan.complete or device.vfio or not device.driver:
        return ""
    return f"cannot be told: {scan.reason}"


def _let_go(holder: Holder | None) -> str:
    match holder.kind if holder is not None else None:
        case HolderKind.VM:
            return "detach it from the VM, or stop the VM"
        case HolderKind.PROCESS:
            return "end that program"
        case HolderKind.SERVICE:
            return "stop that service"
        case HolderKind.NETNS:
            return "move the interface back, or stop the container that has it"
        case HolderKind.NETWORK:
            return "take the interface out of that use first"
        case HolderKind.STORAGE:
            return "unmount it first"
    return "find out who has it open, and end that"


@dataclass(frozen=True, slots=True)
class VfsAre:
    """That a PF has so many VFs."""

    pf: PciAddress
    count: int

    @property
    def about(self) -> tuple[str, ...]:
        """The PF."""
        return (self.pf,)

    def ask(self, world: World) -> Condition:
        """Count the ``virtfn`` links."""
        found = len(world.vfs_now(self.pf))
        text = f"{self.pf} has {self.count} VFs"
        remedy = "" if found == self.count else "the driver or the firmware may allow fewer than asked: see dmesg"
        return Condition(text, found == self.count, "" if found == self.count else f"it has {found}", remedy)


@dataclass(frozen=True, slots=True)
class DriverIs:
    """That a device is bound to a driver; "" = to none."""

    device: str
    driver: str

    @property
    def about(self) -> tuple[str, ...]:
        """The device."""
        return (self.device,)

    def ask(self, world: World) -> Condition:
        """Read the ``driver`` link."""
        text = f"{self.device} is bound to {self.driver}" if self.driver else f"{self.device} has no driver"
        found = world.driver_now(self.device)
        if found == self.driver:
            return Condition(text, True)
        remedy = "the kernel accepts an override silently even when the driver refuses the device: see dmesg"
        return Condition(text, False, f"it is bound to {found}" if found else "it has no driver", remedy)


@dataclass(frozen=True, slots=True)
class FileIs:
    """That a file of the kernel, one that takes no lock, reads as a value."""

    path: str
    value: str
    device: str = ""

    @property
    def about(self) -> tuple[str, ...]:
        """The device it belongs to."""
        return (self.device,) if self.device else ()

    def ask(self, world: World) -> Condition:
        """Read it."""
        text = f"{self.path} reads {self.value}"
        found = world.read(self.path)
        if found == self.value:
            return Condition(text, True)
        return Condition(text, False, "it cannot be read" if found is None else f"it reads {found!r}")


@dataclass(frozen=True, slots=True)
class VfsOn:
    """That a PF has so many VFs, all bound to one driver."""

    pf: PciAddress
    count: int
    driver: str

    @property
    def about(self) -> tuple[str, ...]:
        """The PF."""
        return (self.pf,)

    def ask(self, world: World) -> Condition:
        """Follow the ``virtfn`` links."""
        text = f"the {self.count} VFs of {self.pf} are bound to {self.driver}"
        drivers = {vf: world.driver_now(vf) for vf in world.vfs_now(self.pf)}
        others = [f"{vf} is bound to {name or 'nothing'}" for vf, name in drivers.items() if name != self.driver]
        if not others and len(drivers) == self.count:
            return Condition(text, True)
        found = "; ".join(others[:4]) or f"it has {len(drivers)} VFs"
        return Condition(text, False, found, "ask for it again: what is bound already stays; see dmesg")


@dataclass(frozen=True, slots=True)
class HasDriver:
    """That a device is bound to a driver of those that the kernel chooses from."""

    device: str
    among: tuple[str, ...]

    @property
    def about(self) -> tuple[str, ...]:
        """The device."""
        return (self.device,)

    def ask(self, world: World) -> Condition:
        """Read the ``driver`` link."""
        found = world.driver_now(self.device)
        text = f"{self.device} is bound to {found if found in self.among else ' or '.join(self.among)}"
        if found in self.among:
            return Condition(text, True)
        remedy = "its driver refused the device, or was not offered it: see dmesg"
        return Condition(text, False, f"it is bound to {found}" if found else "it has no driver", remedy)


@dataclass(frozen=True, slots=True)
class ModuleLoaded:
    """That a kernel module is there."""

    module: str

    @property
    def about(self) -> tuple[str, ...]:
        """No device."""
        return ()

    def ask(self, world: World) -> Condition:
        """Look into /sys/module."""
        text = f"the module {self.module} is loaded"
        if world.exists(f"/sys/module/{self.module}"):
            return Condition(text, True)
        return Condition(text, False, "it is not", "see whether a file in /etc/modprobe.d blacklists it, and dmesg")
