"""Whose hands a change takes a device from: nobody's, or it is not made; the host's own only when typed for."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from backend.model.device import Device, DeviceKind
from backend.model.plan import Condition, Danger
from backend.ops.checks import NotHeld
from backend.ops.world import World


@dataclass(frozen=True, slots=True)
class Guard:
    """What must hold for some devices to be taken away, reset, or given another driver."""

    checks: tuple[NotHeld, ...]
    """Asked again right before the step that takes them."""
    conditions: tuple[Condition, ...]
    must_type: str
    """The device that is changed, where something vital hangs on it or on what goes with it; else ""."""
    consequences: tuple[str, ...]
    """What hangs on them."""

    def danger(self, otherwise: Danger) -> Danger:
        """Return how hard it is to take back."""
        return Danger.DESTRUCTIVE if self.must_type else otherwise


def guard(world: World, subject: Device, others: Iterable[Device] = (), *, itself: bool = True) -> Guard:
    """Return what guards ``subject``, which is changed, and ``others``, which go with it.

    Args:
        itself: whether ``subject`` is taken from its users; else only ``others`` are.
    """
    vital = world.vital()
    devices = (*((subject,) if itself else ()), *others)
    checks = tuple(NotHeld(device.id, host_too=device.id not in vital) for device in devices)
    consequences = tuple(f"{device.id} {reason}" for device in devices for reason in vital.get(device.id, ()))
    conditions = tuple(check.ask(world) for check in checks)
    return Guard(checks, conditions, subject.id if consequences else "", consequences)


def what_goes_with(world: World, device: Device) -> tuple[Device, ...]:
    """Return what is gone when a function loses its driver: its VFs, what lies behind it (VMD), and their mdevs."""
    vfs = device.sriov.vfs if device.sriov is not None else ()
    functions = [found for vf in vfs if (found := world.find(vf)) is not None]
    others = [d for d in world.devices() if d.id != device.id and d.kind is not DeviceKind.MDEV]
    functions += [d for d in others if d.sysfs.startswith(f"{device.sysfs}/")]
    parents = {device.id, *(function.id for function in functions)}
    mdevs = [d for d in world.devices() if d.kind is DeviceKind.MDEV and d.parent in parents]
    return (*functions, *mdevs)
