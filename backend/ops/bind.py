"""The driver of one function: another one, the kernel's choice, or none."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

from backend.model.device import Device, DeviceKind
from backend.model.ids import BadIdError, KernelName, PciAddress
from backend.model.plan import Danger, Plan
from backend.model.requests import Bind, Request, SetNumVfs, Unbind
from backend.model.uses import few, gone, way_to_viable
from backend.ops.actions import LoadModule
from backend.ops.checks import NotHeld
from backend.ops.codec import asked
from backend.ops.drivers import (
    Target,
    conditions_for,
    function_of,
    is_vfio,
    mates,
    persisted_override,
    steps_to,
    target_of,
    way_back,
)
from backend.ops.errors import BadRequest
from backend.ops.guard import Guard, guard, what_goes_with
from backend.ops.mdevs import removal
from backend.ops.numvfs import can_manage_vfs, set_count
from backend.ops.operation import Operation, Outcome, Work
from backend.ops.world import World, attribute_path
from backend.probe.iommu import judge


async def plan_bind(request: Bind, world: World) -> Operation:
    """Plan a driver for a function: the one named, the best VFIO driver, or the kernel's choice."""
    device = function_of(world, request.device)
    target = target_of(world, device, request.driver or "", vfio=request.vfio)
    driver = KernelName.parse(target.driver) if target.driver else None
    return await move(world, device, target, Bind(request.device, driver=driver))


async def plan_unbind(request: Unbind, world: World) -> Operation:
    """Plan that a function has no driver."""
    device = function_of(world, request.device)
    override = await world.override(device) if request.override is None else request.override
    try:
        target = Target("", KernelName.parse(override) if override else "", bound=False)
    except BadIdError as error:
        raise BadRequest(f"unbind: {error}") from error
    return await move(world, device, target, Unbind(request.device, override))


async def move(world: World, device: Device, target: Target, request: Request) -> Operation:
    """Plan the way of a function to a driver, or to none. What depends on its old one is removed first."""
    override = await world.override(device)
    way = steps_to(device, override, target, ())
    leaves = bool(device.driver) and any(item.step.where.endswith("/unbind") for item in way)
    going = what_goes_with(world, device) if leaves else ()
    guarded = guard(world, device, going) if leaves else Guard((), (), "", ())
    work = steps_to(device, override, target, guarded.checks)
    if leaves:
        # A module that cannot be loaded is found out before anything is taken away.
        at = sum(isinstance(item.action, LoadModule) for item in work)
        work[at:at] = clearing(world, device, guarded.checks)
    back = (way_back(world, device, override), *(brought_back(device) if leaves else ()))
    loses = leaves and bool(going or device.netdevs or device.blocks)
    plan = Plan(
        asked=(asked(request),),
        title=f"{device.id} on {target.name}, now on {device.driver or 'no driver'}",
        devices=(device.id, *(item.id for item in going)),
        conditions=(*guarded.conditions, *(conditions_for(world, device, target) if work else ())),
        steps=tuple(item.step for item in work),
        consequences=(*guarded.consequences, *_consequences(world, device, target, going, leaves)) if work else (),
        undo=tuple(map(asked, back)) if work else (),
        no_undo=what_is_lost(going),
        danger=guarded.danger(Danger.DISRUPTIVE if loses else Danger.REVERSIBLE),
        must_type=guarded.must_type,
        unseen=bool(work) and is_vfio(target.driver) and target.driver != "vfio-pci",
    )
    return Operation(plan, tuple(work), _outcome(device, target, going, leaves))


def _outcome(device: Device, target: Target, going: Sequence[Device], leaves: bool) -> Outcome:
    driver = target.driver or next(iter(target.choice), "")
    fields: dict[str, Any] = {"driver": driver, "vfio": is_vfio(driver)}
    if leaves and device.sriov is not None:
        fields["sriov"] = replace(device.sriov, vfs=())
    gone: dict[str, Mapping[str, Any] | None] = dict.fromkeys([item.id for item in going])
    return Outcome({**gone, device.id: fields}, {attribute_path(device, "driver_override"): target.override})


def clearing(world: World, device: Device, guards: tuple[NotHeld, ...]) -> list[Work]:
    """Return the work of removing a function's mdevs and VFs before its driver goes."""
    going = what_goes_with(world, device)
    work = [removal(mdev, guards) for mdev in going if mdev.kind is DeviceKind.MDEV]
    vfs = device.sriov.vfs if device.sriov is not None else ()
    # A driver that would not take the write takes its VFs with it, or leaves them.
    if vfs and can_manage_vfs(world, device).holds:
        work += set_count(device, tuple(vfs), 0, guards)
    return work


def brought_back(device: Device) -> list[Request]:
    """Return the requests that bring back what goes with a function's driver, as far as that can be planned."""
    if device.sriov is None or not device.sriov.vfs:
        return []
    return [SetNumVfs(PciAddress(device.id), len(device.sriov.vfs), autoprobe=device.sriov.autoprobe)]


def what_is_lost(going: Sequence[Device]) -> str:
    """Return what undo does not bring back of what goes with a function's driver; "" for nothing."""
    if not going:
        return ""
    if any(item.kind is DeviceKind.MDEV for item in going):
        return "the mdevs that go are not brought back, nor drivers, addresses and policy of the VFs"
    return "drivers, addresses and policy of the VFs that go are not brought back"


def _consequences(
    world: World, device: Device, target: Target, going: Sequence[Device], leaves: bool
) -> tuple[str, ...]:
    found = [*gone((device, *going) if leaves else ())]
    if going:
        verb = "goes" if len(going) == 1 else "go"
        found.append(f"{few((item.id for item in going), 4)} {verb} with the driver of {device.id}")
    others = mates(world, device)
    if target.vfio:
        verdict = judge(others)
        if not verdict.viable and device.group is not None:
            found.append(
                f"group {int(device.group)} stays not viable: {verdict.reason}; "
                + way_to_viable(int(device.group), verdict.culprits, world.find)
            )
    elif target.bound and not target.driver and not target.choice:
        found.append(f"no driver of this kernel names {device.id}, or its PF keeps drivers away: it stays without")
    if target.module and not target.vfio:
        found.append(f"{target.module} may take other idle functions of its kind when it is loaded")
    saved = persisted_override(world, device)
    if saved and saved != target.driver:
        found.append(f"driverctl binds it to {saved} again at the next boot (/etc/driverctl.d/pci-{device.id})")
    return tuple(found)
