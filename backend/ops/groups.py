"""IOMMU groups: all functions of one given to VFIO as one plan, and the type of its default domain."""

from __future__ import annotations

from dataclasses import replace
from typing import cast

from backend.model.device import Device
from backend.model.group import IommuGroup
from backend.model.ids import GroupId, PciAddress
from backend.model.plan import Condition, Danger, Plan
from backend.model.requests import Bind, BindGroup, GroupType, SetGroupType
from backend.model.uses import Find, way_to_viable
from backend.ops.bind import plan_bind
from backend.ops.checks import FileIs
from backend.ops.codec import asked
from backend.ops.drivers import is_bridge
from backend.ops.errors import NoSuchDevice, Refused
from backend.ops.guard import guard, what_goes_with
from backend.ops.operation import Operation, in_turn, write
from backend.ops.world import World
from backend.probe.iommu import GROUPS, judge

_LIVE = ("DMA", "DMA-FQ")
"""The one change of type that the kernel makes under a running driver."""


def _group(world: World, number: GroupId) -> IommuGroup:
    found = world.host.groups.get(number)
    if found is None:
        raise NoSuchDevice(f"there is no IOMMU group {int(number)}", "`iovtop snapshot --view groups` lists them")
    return found


async def plan_bind_group(request: BindGroup, world: World) -> Operation:
    """Plan that all functions of a group are on VFIO drivers; its bridges stay with the kernel."""
    if request.members is None:
        devices = [world.device(name) for name in _group(world, request.group).members]
        members = tuple(PciAddress(device.id) for device in devices if ":" in device.id and not is_bridge(device))
    else:
        members = request.members
    if not members:
        raise Refused(f"group {int(request.group)} has no functions but bridges", "name a group with a device in it")
    before = [world.device(name) for name in members]
    # What goes with another member's host driver, as VFs do, is not there any more to be bound.
    going = {item.id for device in before if not device.vfio for item in what_goes_with(world, device)}
    bound = [name for name in members if name not in going]
    operation = await in_turn(world, [(plan_bind, Bind(name, vfio=True)) for name in bound])
    plan = replace(
        operation.plan,
        asked=(asked(BindGroup(request.group, members)),),
        title=f"group {int(request.group)} on VFIO: {', '.join(members)}",
        conditions=(*operation.plan.conditions, *_viable(world, request.group)),
        # What one member alone says of the others in its way is settled by the whole.
        consequences=tuple(text for text in operation.plan.consequences if "stays not viable" not in text),
        devices=tuple(dict.fromkeys((*(device.id for device in before), *operation.plan.devices))),
    )
    return Operation(plan, operation.work, operation.outcome)


def _viable(world: World, number: GroupId) -> tuple[Condition, ...]:
    """Return whether the group, as it will be, is viable: a bridge with a driver of its own can stand in the way."""
    group = world.host.groups.get(number)
    if group is None:
        return ()
    verdict = judge(device for name in group.members if (device := world.find(name)) is not None)
    text = f"group {int(number)} is viable then"
    if verdict.viable:
        return (Condition(text, True),)
    remedy = "a bridge with such a driver cannot be given away: put the device into another slot"
    return (Condition(text, False, f"{verdict.reason} stands in the way", remedy),)


async def plan_group_type(request: SetGroupType, world: World) -> Operation:
    """Plan the type of a group's default domain: only while no host driver and no guest uses the group."""
    group = _group(world, request.group)
    number = int(request.group)
    present = group.type or ""
    members = [device for name in group.members if (device := world.find(name)) is not None]
    if present not in (*_LIVE, "identity"):
        raise Refused(
            f"the default domain of group {number} is {present or 'not told'}: its type cannot be changed",
            "name the group of a PCI function",
        )
    path = f"{GROUPS}/{number}/type"
    live = (present, request.type) == _LIVE
    guards = [guard(world, member) for member in members] if not live else []
    work = []
    if request.type != present:
        after = () if request.type == "auto" else (FileIs(path, request.type),)
        work.append(
            write(
                path, request.type, text=f"make the default domain of group {number} {request.type}", old=present,
                before=tuple(check for held in guards for check in held.checks), after=after,
                expected=f"its type is {'what the kernel chose' if request.type == 'auto' else request.type}",
            )
        )  # fmt: skip
    conditions = [condition for held in guards for condition in held.conditions]
    if not live:
        conditions.append(_without_host_driver(number, members, world.find))
    plan = Plan(
        asked=(asked(request),),
        title=f"default domain of group {number}: {request.type}, now {present}",
        devices=tuple(member.id for member in members),
        conditions=tuple(conditions) if work else (),
        steps=tuple(item.step for item in work),
        consequences=_of_type(request.type) if work else (),
        undo=(asked(replace(request, type=cast("GroupType", present))),) if work else (),
        no_undo="",
        danger=Danger.REVERSIBLE,
        must_type="",
        unseen=False,
    )
    return Operation(plan, tuple(work))


def _without_host_driver(number: int, members: list[Device], find: Find) -> Condition:
    verdict = judge(members)
    text = f"no host driver has a function of group {number}"
    if verdict.viable:
        return Condition(text, True)
    remedy = f"the kernel refuses it while one has: {way_to_viable(number, verdict.culprits, find)}"
    return Condition(text, False, verdict.reason, remedy)


def _of_type(kind: str) -> tuple[str, ...]:
    if kind == "identity":
        return ("host drivers of the group reach all memory from then on: the IOMMU lets their DMA through as it is",)
    return ("the type is forgotten at the next boot, and when the group goes",)
