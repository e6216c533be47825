"""mdevs made and removed (drivers/vfio/mdev/mdev_sysfs.c). All types of a parent may share one pool."""

from __future__ import annotations

import uuid as uuids
from collections.abc import Sequence
from dataclasses import dataclass, replace

from backend.model.device import Device, DeviceKind
from backend.model.ids import BadIdError, KernelName, MdevUuid
from backend.model.mdev import MdevParent, MdevType
from backend.model.plan import Condition, Danger, Plan
from backend.model.requests import CreateMdevs, RemoveMdevs, Request
from backend.ops.checks import Check, NotHeld
from backend.ops.codec import asked
from backend.ops.errors import BadRequest, NoSuchDevice, Refused
from backend.ops.guard import guard
from backend.ops.operation import Operation, Outcome, Work, write
from backend.ops.world import World
from backend.probe import mdev

_PATIENCE = 60.0


@dataclass(frozen=True, slots=True)
class MdevIs:
    """That an mdev is there, of a type ("" = any); or, without ``type``, that there is none."""

    uuid: str
    type: str | None

    @property
    def about(self) -> tuple[str, ...]:
        """The mdev."""
        return (self.uuid,)

    def ask(self, world: World) -> Condition:
        """Read its link to its type."""
        found = world.link(f"{mdev.BUS}/{self.uuid}/mdev_type")
        there = world.exists(f"{mdev.BUS}/{self.uuid}")
        if self.type is None:
            text = f"there is no mdev {self.uuid}"
            return Condition(text, True) if not there else Condition(text, False, "it is there", "see dmesg")
        text = f"{self.uuid} is an mdev of type {self.type}"
        if found == self.type:
            return Condition(text, True)
        return Condition(text, False, f"its type is {found}" if found else "there is none", "see dmesg")


@dataclass(frozen=True, slots=True)
class RoomFor:
    """That a parent can make so many more mdevs of a type."""

    parent: str
    type: str
    count: int = 1

    @property
    def about(self) -> tuple[str, ...]:
        """No device."""
        return ()

    def ask(self, world: World) -> Condition:
        """Read ``available_instances``: what other types took is taken from this one, too."""
        text = f"{self.parent} has room for {self.count} more of {self.type}"
        found = world.read(f"{_type_path(self.parent, self.type)}/available_instances")
        if found is None:
            return Condition(text, False, "it offers no such type now", "look at its types again")
        if found.isdecimal() and int(found) >= self.count:
            return Condition(text, True)
        remedy = "remove mdevs of this parent, of any type: they share its capacity"
        return Condition(text, False, f"it has room for {found}", remedy)


def _type_path(parent: str, kind: str) -> str:
    return f"{mdev.PARENTS}/{parent}/mdev_supported_types/{kind}"


async def plan_create(request: CreateMdevs, world: World) -> Operation:
    """Plan mdevs of a type on a parent; names that were not given are made up."""
    parent = parent_of(world, request.parent)
    kind = type_of(parent, request.type)
    names = _names(request)
    missing = []
    for name in names:
        there = world.find(name)
        if there is None:
            missing.append(name)
        elif (there.parent, there.mdev_type) != (parent.name, kind.id):
            raise Refused(f"{name} is a {there.mdev_type} of {there.parent} already", "take another UUID")
    work = [creation(parent.name, kind.id, name) for name in missing]
    filled = replace(request, uuids=names, count=len(names))
    plan = Plan(
        asked=(asked(filled),),
        title=f"{len(names)} {'mdev' if len(names) == 1 else 'mdevs'} of {kind.name} on {parent.name}",
        devices=(parent.name, *names),
        conditions=(RoomFor(parent.name, kind.id, len(missing)).ask(world),) if missing else (),
        steps=tuple(item.step for item in work),
        consequences=_shared(parent, kind) if work else (),
        undo=(asked(RemoveMdevs(tuple(missing))),) if work else (),
        no_undo="",
        danger=Danger.REVERSIBLE,
        must_type="",
        unseen=False,
    )
    return Operation(plan, tuple(work))


def parent_of(world: World, name: str) -> MdevParent:
    """Return an mdev parent. Raises ``NoSuchDevice``."""
    found = world.host.parents.get(name)
    if found is None:
        known = ", ".join(world.host.parents) or "none"
        raise NoSuchDevice(f"{name} offers no mdevs", f"the mdev parents of this host: {known}")
    return found


def type_of(parent: MdevParent, name: str) -> MdevType:
    """Return a type that a parent offers. Raises ``Refused``."""
    for kind in parent.types:
        if kind.id == name:
            return kind
    known = ", ".join(f"{kind.id} ({kind.name}, {kind.available} left)" for kind in parent.types)
    raise Refused(f"{parent.name} offers no type {name}", f"it offers {known or 'none'}")


def _names(request: CreateMdevs) -> tuple[MdevUuid, ...]:
    given = tuple(dict.fromkeys(request.uuids))
    count = max(request.count, len(given))
    if not 1 <= request.count <= 1024 or count > 1024:
        raise BadRequest(f"{request.verb}: {request.count} mdevs cannot be made at once", "ask for 1 to 1024")
    return (*given, *(new_uuid() for _ in range(count - len(given))))


def new_uuid() -> MdevUuid:
    """Return a UUID that nobody has."""
    return MdevUuid.parse(str(uuids.uuid4()))


def creation(parent: str, kind: str, name: str) -> Work:
    """Return the work of making one mdev."""
    return write(
        f"{_type_path(parent, kind)}/create", name, text=f"make {name}, a {kind} of {parent}", old="",
        before=(MdevIs(name, None), RoomFor(parent, kind)), after=(MdevIs(name, kind),),
        expected=f"{name} is an mdev of type {kind}", patience=_PATIENCE,
    )  # fmt: skip


def _shared(parent: MdevParent, kind: MdevType) -> tuple[str, ...]:
    others = [other.id for other in parent.types if other.id != kind.id]
    if not others:
        return ()
    return (f"what {', '.join(others)} of {parent.name} have left may become less: types can share one pool",)


async def plan_remove(request: RemoveMdevs, world: World) -> Operation:
    """Plan that mdevs are gone, none of which anybody holds."""
    names = tuple(dict.fromkeys((*request.uuids, *(orphans(world) if request.orphans else ()))))
    if not names and not request.orphans:
        raise BadRequest(f"{request.verb}: no mdev is named", "name its UUID, or ask for orphans")
    there = [device for name in names if (device := world.find(name)) is not None]
    guards = [guard(world, device) for device in there]
    work = [removal(device, held.checks) for device, held in zip(there, guards, strict=True)]
    plan = Plan(
        asked=(asked(RemoveMdevs(names)),),
        title=f"no {names[0]}" if len(names) == 1 else f"{len(names)} mdevs removed",
        devices=(*names, *dict.fromkeys(device.parent for device in there)),
        conditions=tuple(condition for held in guards for condition in held.conditions),
        steps=tuple(item.step for item in work),
        consequences=tuple(_goes(device) for device in there),
        undo=tuple(asked(back) for back in recreated(there)),
        no_undo="what was set in them and the state of their device are not brought back" if work else "",
        danger=Danger.DISRUPTIVE,
        must_type="",
        unseen=False,
    )
    return Operation(plan, tuple(work), Outcome(dict.fromkeys(names)))


def orphans(world: World) -> tuple[MdevUuid, ...]:
    """Return the mdevs that nobody holds and nobody has defined. Raises ``Refused`` where that cannot be told."""
    scan = world.host.holder_scan
    if not scan.complete:
        raise Refused(f"which mdevs are orphans cannot be told: {scan.reason}", "look as root")
    return tuple(
        MdevUuid(device.id)
        for device in world.host.devices.values()
        if device.kind is DeviceKind.MDEV and not device.defined and not device.held
    )


def _goes(device: Device) -> str:
    defined = "; its definition stays, and starts it again" if device.defined else ""
    return f"{device.id}, a {device.mdev_type} of {device.parent}, goes{defined}"


def removal(device: Device, guards: tuple[Check, ...]) -> Work:
    """Return the work of removing one mdev."""
    return write(
        f"{mdev.BUS}/{device.id}/remove", "1", text=f"remove {device.id}", old=device.mdev_type,
        before=guards or (NotHeld(device.id),), after=(MdevIs(device.id, None),),
        expected=f"there is no mdev {device.id}", patience=_PATIENCE,
    )  # fmt: skip


def recreated(devices: Sequence[Device]) -> list[Request]:
    """Return the requests that make mdevs anew, by parent and type."""
    groups: dict[tuple[str, str], list[MdevUuid]] = {}
    for device in devices:
        groups.setdefault((device.parent, device.mdev_type), []).append(MdevUuid(device.id))
    requests: list[Request] = []
    for (parent, kind), names in groups.items():
        try:
            requests.append(CreateMdevs(KernelName.parse(parent), KernelName.parse(kind), tuple(names), len(names)))
        except BadIdError:
            continue
    return requests
