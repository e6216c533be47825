"""The data path of a function that nobody holds: for the host, ready for guests, or wrapped as an mdev."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

from backend.model.device import Device, DeviceKind
from backend.model.ids import KernelName, MdevUuid
from backend.model.mdev import MdevParent
from backend.model.plan import Danger, Plan
from backend.model.requests import Bind, CreateMdevs, RemoveMdevs, SetPath
from backend.ops.bind import plan_bind
from backend.ops.codec import asked
from backend.ops.drivers import function_of
from backend.ops.errors import Refused
from backend.ops.guard import guard
from backend.ops.mdevs import creation, new_uuid, plan_create, plan_remove
from backend.ops.operation import Operation, in_turn
from backend.ops.world import World


async def plan_path(request: SetPath, world: World) -> Operation:
    """Plan the way between ``host``, ``ready`` and ``trap``, which are states of the driver and of mdevs."""
    device = function_of(world, request.device)
    if request.path == "trap":
        return await _trap(request, world, device)
    bind = (plan_bind, Bind(request.device, vfio=request.path == "ready"))
    mdevs = _mdevs(world, device)
    steps: list[tuple[Any, Any]] = [(plan_remove, RemoveMdevs(mdevs)), bind] if mdevs else [bind]
    operation = await in_turn(world, steps)
    return _as(operation, SetPath(request.device, request.path), f"{device.id} on the path {request.path}", bool(mdevs))


def _as(operation: Operation, request: SetPath, title: str, unseen: bool) -> Operation:
    unseen = operation.plan.unseen or (unseen and bool(operation.plan.steps))
    plan = replace(operation.plan, asked=(asked(request),), title=title, unseen=unseen)
    return Operation(plan, operation.work, operation.outcome)


def _mdevs(world: World, device: Device) -> tuple[MdevUuid, ...]:
    found = [d for d in world.devices() if d.kind is DeviceKind.MDEV and d.parent == device.id]
    return tuple(MdevUuid(d.id) for d in found)


async def _trap(request: SetPath, world: World, device: Device) -> Operation:
    """Plan a function wrapped as an mdev of its vendor's driver, which is bound first where it must be."""
    there = _mdevs(world, device)
    parent = world.host.parents.get(device.id)
    kind = request.type or _only_type(world, device, parent, there)
    names = (request.uuid,) if request.uuid is not None else there[:1] or (new_uuid(),)
    filled = SetPath(request.device, request.path, kind, names[0])
    title = f"{device.id} wrapped as {kind}"
    if parent is not None:
        name = KernelName.parse(parent.name)
        operation = await in_turn(world, [(plan_create, CreateMdevs(name, kind, names, 1))])
        conditions = (*guard(world, device).conditions, *operation.plan.conditions) if operation.plan.steps else ()
        operation = Operation(replace(operation.plan, conditions=conditions), operation.work)
        return _as(operation, filled, title, True)
    if not device.vfio and device.driver:
        raise Refused(
            f"{device.driver}, which has {device.id}, offers no mdev types", "only some vendors' drivers wrap functions"
        )

    async def wrap(names: Sequence[MdevUuid], world: World) -> Operation:
        work = tuple(creation(device.id, kind, name) for name in names)
        undo = (asked(RemoveMdevs(tuple(names))),)
        steps = tuple(item.step for item in work)
        plan = Plan((), "", tuple(names), (), steps, (), undo, "", Danger.REVERSIBLE, "", unseen=True)
        return Operation(plan, work)

    operation = await in_turn(world, [(plan_bind, Bind(request.device)), (wrap, names)])
    return _as(operation, filled, title, True)


def _only_type(world: World, device: Device, parent: MdevParent | None, there: tuple[MdevUuid, ...]) -> KernelName:
    """Return the type that is meant where none is named. Raises ``Refused`` where that is not clear."""
    for uuid in there:
        return KernelName.parse(world.device(uuid).mdev_type)
    siblings = [] if parent is not None or not device.parent else [
        other for name, other in world.host.parents.items()
        if (found := world.find(name)) is not None and found.parent == device.parent
    ]  # fmt: skip
    known = [kind for one in ([parent] if parent is not None else siblings[:1]) for kind in one.types]
    if len(known) == 1:
        return KernelName.parse(known[0].id)
    if known:
        names = ", ".join(f"{kind.id} ({kind.name})" for kind in known)
        raise Refused(f"{device.id} can be wrapped as several types", f"name one: {names}")
    raise Refused(
        f"whether {device.id} can be wrapped is not known: no driver offers mdev types for it now",
        "`iovtop path DEV host` binds its host driver: then its types show; or name the type",
    )
