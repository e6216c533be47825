"""Resets of functions (drivers/pci/pci-sysfs.c, ``reset_store``), with everything that they hit."""

from __future__ import annotations

from dataclasses import dataclass, replace

from backend.model.device import Device, DeviceKind
from backend.model.ids import KernelName
from backend.model.plan import Condition, Danger, Plan
from backend.model.requests import Reset
from backend.ops.checks import FileIs
from backend.ops.codec import asked
from backend.ops.drivers import function_of
from backend.ops.errors import Refused
from backend.ops.guard import guard
from backend.ops.operation import Operation, write
from backend.ops.world import World, attribute_path

_PATIENCE = 60.0
_HEADER = 64
"""Bytes of the header. Its first four say nothing: a VF has no ids of its own there."""

_WIDE = frozenset({"bus", "cxl_bus"})
"""Methods that reset whatever lies behind the same bridge."""


@dataclass(frozen=True, slots=True)
class Answers:
    """That a function answers: its configuration space does not read as all ones."""

    device: str

    @property
    def about(self) -> tuple[str, ...]:
        """The function."""
        return (self.device,)

    def ask(self, world: World) -> Condition:
        """Look at what was read of its configuration space."""
        text = f"{self.device} answers"
        header = world.config(self.device)[:_HEADER]
        if header != b"\xff" * _HEADER:
            return Condition(text, True)
        remedy = "it did not survive the reset: only a restart of the host, or its power, may bring it back"
        return Condition(text, False, "its configuration space reads as all ones", remedy)


async def plan_reset(request: Reset, world: World) -> Operation:
    """Plan one reset. Who uses the function, its VFs or, with a bus reset, its neighbours, is asked for first."""
    device = function_of(world, request.device)
    await world.look_at_config(device.id)
    path = attribute_path(device, "reset_method")
    now = world.read(path) or ""
    offered = (request.methods if request.methods is not None else now).split()
    method = request.method or next(iter(offered), "")
    if method and method not in offered:
        known = ", ".join(offered) or "none"
        raise Refused(f"{device.id} cannot be reset by {method}", f"its methods, as the kernel tries them: {known}")
    others = _hit(world, device, method)
    guarded = guard(world, device, others)
    wanted = " ".join(offered)
    work = []
    if method and now.split()[:1] != [method]:
        text = f"let the kernel reset {device.id} by {method}"
        work.append(write(path, method, text=text, old=now, after=(FileIs(path, method, device.id),)))
    work.append(
        write(
            attribute_path(device, "reset"), "1", text=f"reset {device.id} by {method or 'any way'}", old="",
            before=guarded.checks, after=(Answers(device.id),), expected=f"{device.id} answers", patience=_PATIENCE,
        )
    )  # fmt: skip
    if wanted != now or len(work) > 1:
        text = f"give {device.id} its reset methods back"
        work.append(write(path, wanted, text=text, old=method, after=(FileIs(path, wanted, device.id),), always=True))
    plan = Plan(
        asked=(asked(replace(request, method=KernelName.parse(method) if method else None, methods=wanted)),),
        title=f"reset of {device.id} by {method or 'no method'}",
        devices=(device.id, *(other.id for other in others)),
        conditions=(_can_be_reset(device, offered), *guarded.conditions),
        steps=tuple(item.step for item in work),
        consequences=(*guarded.consequences, *_consequences(device, others, method)),
        undo=(),
        no_undo="a reset cannot be taken back: what was set in the function is gone",
        danger=guarded.danger(Danger.DISRUPTIVE),
        must_type=guarded.must_type,
        unseen=False,
    )
    return Operation(plan, tuple(work))


def _hit(world: World, device: Device, method: str) -> list[Device]:
    """Return what a reset hits besides the function: all VFs of a PF; by ``bus``, all behind the same bridge."""
    vfs = device.sriov.vfs if device.sriov is not None else ()
    found = [vf for name in vfs if (vf := world.find(name)) is not None]
    if method in _WIDE:
        bridge = device.sysfs.rpartition("/")[0]
        behind = [d for d in world.host.devices.values() if d.kind is not DeviceKind.MDEV and d.id != device.id]
        found += [d for d in behind if d.sysfs.startswith(f"{bridge}/") and d not in found]
    return found


def _can_be_reset(device: Device, methods: list[str]) -> Condition:
    text = f"{device.id} can be reset"
    if methods:
        return Condition(text, True)
    remedy = "the device has no way that the kernel knows; restart the host to reset it"
    return Condition(text, False, "its reset_method is empty", remedy)


def _consequences(device: Device, others: list[Device], method: str) -> list[str]:
    found = []
    if device.driver:
        found.append(f"{device.driver} loses what it has under way on {device.id}")
    found += [f"the link of {name} goes down for a moment" for name in device.netdevs]
    if device.sriov is not None and device.sriov.vfs:
        found.append(f"its {len(device.sriov.vfs)} VFs are reset with it, whoever has them")
    if method in _WIDE and others:
        found.append(f"a bus reset hits {', '.join(other.id for other in others)} too, or is refused because of them")
    return found
