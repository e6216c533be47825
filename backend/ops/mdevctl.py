"""Definitions of mdevs in mdevctl's own files: made, changed, removed, started at boot or not."""

from __future__ import annotations

from dataclasses import dataclass, replace

from backend.model.ids import BadIdError, KernelName, MdevUuid
from backend.model.plan import Asked, Condition, Danger, Plan, Step
from backend.model.requests import AutostartMdev, DefineMdev, UndefineMdev
from backend.ops.actions import DeleteFile, SaveFile
from backend.ops.codec import asked
from backend.ops.definitions import Definition, check_attributes, parents_of, path_of, read_definition
from backend.ops.errors import BadRequest, NoSuchDevice, Refused
from backend.ops.mdevs import new_uuid
from backend.ops.operation import Operation, Work
from backend.ops.world import World


@dataclass(frozen=True, slots=True)
class DefinedAs:
    """That mdevctl keeps a definition, or none."""

    parent: KernelName
    uuid: MdevUuid
    definition: Definition | None

    @property
    def about(self) -> tuple[str, ...]:
        """The mdev."""
        return (self.uuid,)

    def ask(self, world: World) -> Condition:
        """Read its file."""
        kept = "no definition" if self.definition is None else "that definition"
        text = f"mdevctl has {kept} of {self.uuid} on {self.parent}"
        try:
            found = read_definition(world, self.parent, self.uuid)
        except Refused as error:
            return Condition(text, False, str(error), error.remedy)
        if found == self.definition:
            return Condition(text, True)
        return Condition(text, False, "it is not so", f"see {path_of(self.parent, self.uuid)}")


async def plan_define(request: DefineMdev, world: World) -> Operation:
    """Plan a definition; what is not said is as the mdev, or its definition, has it."""
    uuid = request.uuid or new_uuid()
    device = world.find(uuid)
    parent = request.parent or _parent(world, uuid, KernelName.parse(device.parent) if device is not None else None)
    if parent is None:
        raise BadRequest(f"{request.verb}: {uuid} is not there, and defined nowhere", "name its parent and its type")
    old = read_definition(world, parent, uuid)
    kind = request.type or (old.type if old is not None else None)
    if kind is None and device is not None and device.parent == parent:
        kind = _name(device.mdev_type)
    if kind is None:
        raise BadRequest(f"{request.verb}: no type is named", "name its type, as in mtty-1")
    attributes = request.attributes if request.attributes is not None else old.attributes if old is not None else ()
    check_attributes(attributes)
    auto = request.auto if request.auto is not None else old is not None and old.auto
    new = Definition(parent, uuid, kind, auto, attributes)
    return _plan(world, asked(_definition_of(new)), new, old)


def _name(text: str) -> KernelName | None:
    try:
        return KernelName.parse(text)
    except BadIdError:
        return None


def _parent(world: World, uuid: MdevUuid, running_on: KernelName | None) -> KernelName | None:
    """Return the parent that is meant where none is named. Raises ``Refused`` where several could be."""
    parents = parents_of(world, uuid)
    if running_on is not None and (running_on in parents or not parents):
        return running_on
    if len(parents) > 1:
        raise Refused(f"{uuid} is defined for {' and '.join(parents)}", "name the parent that is meant")
    return parents[0] if parents else running_on


async def plan_undefine(request: UndefineMdev, world: World) -> Operation:
    """Plan that mdevctl forgets an mdev."""
    parent = request.parent or _parent(world, request.uuid, None)
    if parent is None:
        raise NoSuchDevice(f"mdevctl has no definition of {request.uuid}", "see `mdevctl list --defined`")
    old = read_definition(world, parent, request.uuid)
    operation = _plan(world, asked(replace(request, parent=parent)), None, old)
    title = f"no definition of {request.uuid} on {parent}"
    return Operation(replace(operation.plan, title=title), operation.work)


async def plan_autostart(request: AutostartMdev, world: World) -> Operation:
    """Plan whether a defined mdev is started at boot."""
    parent = request.parent or _parent(world, request.uuid, None)
    old = read_definition(world, parent, request.uuid) if parent is not None else None
    if old is None:
        raise NoSuchDevice(f"mdevctl has no definition of {request.uuid}", "define it first: `iovtop mdev define`")
    return _plan(world, asked(replace(request, parent=old.parent)), replace(old, auto=not request.off), old)


def _definition_of(definition: Definition) -> DefineMdev:
    return DefineMdev(
        definition.uuid, definition.parent, definition.type, definition.auto, definition.attributes
    )  # fmt: skip


def _plan(world: World, request: Asked, new: Definition | None, old: Definition | None) -> Operation:
    subject = new or old
    work = () if new == old else (_work(new, old),)
    undo: tuple[Asked, ...] = ()
    if work and subject is not None:
        undo = (asked(UndefineMdev(subject.uuid, subject.parent) if old is None else _definition_of(old)),)
    plan = Plan(
        asked=(request,),
        title=f"{new.uuid} defined as {_said(new)}" if new is not None else "no definition",
        devices=(subject.uuid, subject.parent) if subject is not None else (),
        conditions=(),
        steps=tuple(item.step for item in work),
        consequences=_consequences(world, new, old) if work else (),
        undo=undo,
        no_undo="",
        danger=Danger.REVERSIBLE,
        must_type="",
        unseen=False,
    )
    return Operation(plan, work)


def _said(definition: Definition | None) -> str:
    if definition is None:
        return ""
    start = "started at boot" if definition.auto else "started by hand"
    attributes = "".join(f", {name}={value}" for name, value in definition.attributes)
    return f"{definition.type} on {definition.parent}, {start}{attributes}"


def _work(new: Definition | None, old: Definition | None) -> Work:
    subject = new or old
    assert subject is not None
    which = f"--uuid {subject.uuid} --parent {subject.parent}"
    before = (DefinedAs(subject.parent, subject.uuid, old),)
    after = (DefinedAs(subject.parent, subject.uuid, new),)
    if new is None:
        step = Step(
            f"let mdevctl forget {subject.uuid}", subject.path, _said(old), "", f"mdevctl undefine {which}",
            "there is no such file",
        )  # fmt: skip
        return Work(step, DeleteFile(subject.path), before, after)
    start = "--auto" if new.auto else "--manual"
    shell = f"mdevctl modify {which} --type {new.type} {start}" if old is not None else (
        f"mdevctl define {which} --type {new.type}{' --auto' if new.auto else ''}"
    )  # fmt: skip
    step = Step(f"let mdevctl know {new.uuid}", new.path, _said(old), _said(new), shell, "it reads so")
    return Work(step, SaveFile(new.path, new.text), before, after)


def _consequences(world: World, new: Definition | None, old: Definition | None) -> tuple[str, ...]:
    found = []
    if new is None and old is not None and world.find(old.uuid) is not None:
        found.append(f"{old.uuid} goes on, and is gone with the next boot")
    if new is not None and new.parent not in world.host.parents:
        found.append(f"{new.parent} offers no mdevs now: the definition waits for it")
    if new is not None and new.auto:
        found.append("mdevctl starts it when its parent comes, as at boot")
    return tuple(found)
