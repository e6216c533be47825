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


@dataclass(frozen=True, slots=True)
class NotHeld:
    """That nobody uses a device. What cannot be seen counts as held; a device that is gone is held by nobody."""

    device: str

    @property
    def about(self) -> tuple[str, ...]:
        """The device."""
        return (self.device,)

    def ask(self, world: World) -> Condition:
        """Return who holds it."""
        text = f"nobody holds {self.device}"
        device = world.find(self.device)
        held_by = holders_of(device) if device is not None else ""
        if not held_by:
            return Condition(text, True)
        if device is not None and not device.holders:
            return Condition(text, False, held_by, "look as root, so that every process can be seen")
        who = device.holders[0] if device is not None else None
        return Condition(text, False, f"held by {held_by}", _let_go(who))


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
