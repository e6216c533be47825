"""States of mdevs: kept in a file, given to an mdev of the same kind, thrown away."""

from __future__ import annotations

import contextlib
import time
from dataclasses import dataclass, replace

from backend.model.device import Device, DeviceKind
from backend.model.devstate import About, Header
from backend.model.ids import KernelName
from backend.model.plan import Condition, Danger, Plan, Step
from backend.model.requests import RemoveState, RestoreState, SaveState
from backend.model.statefile import HEADER, BadStateFile, parse_header
from backend.ops.actions import DeleteFile, RestoreDeviceState, SaveDeviceState
from backend.ops.checks import Check
from backend.ops.codec import asked
from backend.ops.errors import NoSuchDevice, Refused
from backend.ops.guard import guard
from backend.ops.mdevs import new_uuid
from backend.ops.operation import Operation, Work
from backend.ops.world import World

FOLDER = "/var/lib/iovtop/states"

_SEEN = frozenset({"mtty"})
"""Drivers whose states were saved and restored on a real kernel."""


def state_path(name: str) -> str:
    """Return the file of a state; only root can read it, since it may hold what a guest had in its device."""
    return f"{FOLDER}/{name}"


def header_of(page: bytes, name: str) -> Header:
    """Return what the first page of a state's file says. Raises ``Refused``."""
    try:
        return parse_header(page)
    except BadStateFile as error:
        raise Refused(f"{state_path(name)} cannot be used: {error}", "`iovtop states` lists those that can") from error


@dataclass(frozen=True, slots=True)
class StateIs:
    """That a state is kept under a name; or, without ``id``, that none is."""

    name: str
    id: str = ""

    @property
    def about(self) -> tuple[str, ...]:
        """No device."""
        return ()

    def ask(self, world: World) -> Condition:
        """Read the header of its file."""
        there = world.exists(state_path(self.name))
        if not self.id:
            text = f"no state is kept as {self.name}"
            return Condition(text, not there, "there is one" if there else "", "choose another name" if there else "")
        text = f"the state is kept as {self.name}"
        if not there:
            return Condition(text, False, "there is none", f"see {FOLDER}")
        try:
            kept = header_of(_page(world, self.name), self.name).about.id == self.id
        except (Refused, NoSuchDevice) as error:
            return Condition(text, False, str(error), error.remedy)
        return Condition(text, kept, "" if kept else "another one is", "" if kept else f"see {FOLDER}")


def _page(world: World, name: str) -> bytes:
    try:
        return world.doors.files.read(state_path(name), HEADER)
    except FileNotFoundError:
        raise NoSuchDevice(f"no state is kept as {name}", "`iovtop states` lists those that are") from None
    except OSError as error:
        raise Refused(f"{state_path(name)} cannot be read: {error.strerror}", "look as root") from error


def _mdev(world: World, name: str) -> Device:
    """Return the mdev that is meant. Raises ``Refused`` for a device whose state does not outlast a look at it."""
    device = world.device(name)
    if device.kind is not DeviceKind.MDEV:
        raise Refused(
            f"{device.id} is no mdev: a PCI function is reset whenever VFIO opens or closes it, so that its state "
            "lives only as long as a VM has it",
            "migrate its VM: `iovtop why VM` says whether that is possible",
        )
    if not device.driver:
        raise Refused(f"{device.id} has no driver that could save or take its state", "bind it: see dmesg")
    return device


def _newest(world: World, device: Device) -> KernelName:
    """Return the name of the newest state that was kept of an mdev itself. Raises ``Refused``."""
    found = []
    try:
        names = [KernelName.parse(name) for name in world.doors.files.list(FOLDER) if not name.startswith(".")]
    except OSError:
        names = []
    for name in names:
        with contextlib.suppress(Refused, NoSuchDevice):
            about = header_of(_page(world, name), name).about
            if (about.device, about.driver, about.kind) == (device.id, device.driver, device.mdev_type):
                found.append((about.saved, name))
    if not found:
        raise Refused(f"no state of {device.id} is kept", "name the state of another one: `iovtop states`")
    return max(found)[1]


async def plan_save_state(request: SaveState, world: World) -> Operation:
    """Plan a file with the state of an mdev that nobody holds."""
    device, host = _mdev(world, request.device), world.host
    now = world.doors.clock.time()
    stamp = time.strftime("%Y%m%d-%H%M%S", time.localtime(now))
    name = request.name or KernelName.parse(f"{device.id}-{stamp}")
    identity = request.id or new_uuid()
    about = About(
        str(identity), str(device.id), device.driver, device.mdev_type, host.name, host.kernel, round(now, 3)
    )  # fmt: skip
    done = StateIs(name, str(identity))
    guarded = guard(world, device)
    path = state_path(name)
    shell = f"# open {device.id} by VFIO, bring it to STOP_COPY, and read its stream into {path}"
    step = Step(f"save the state of {device.id}", path, "", f"the state of {device.id}", shell, "the file is whole")
    work: tuple[Work, ...] = ()
    if not done.ask(world).holds:
        checks: tuple[Check, ...] = (*guarded.checks, StateIs(name))
        work = (Work(step, SaveDeviceState(path, about), checks, (done,)),)
    free = StateIs(name).ask(world)
    plan = Plan(
        asked=(asked(replace(request, name=name, id=identity)),),
        title=f"the state of {device.id}, a {device.mdev_type}, kept as {name}",
        devices=(device.id,),
        conditions=(*guarded.conditions, *((free,) if work else ())),
        steps=tuple(item.step for item in work),
        consequences=(
            f"{device.id} stands still while its state is read, and runs on",
            "the file may hold what a guest left in the device: only root can read it",
        ),
        undo=(asked(RemoveState(name)),),
        no_undo="",
        danger=Danger.REVERSIBLE,
        must_type="",
        unseen=device.driver not in _SEEN,
    )
    return Operation(plan, work)


async def plan_restore_state(request: RestoreState, world: World) -> Operation:
    """Plan that an mdev that nobody holds goes on from a state that was kept."""
    device = _mdev(world, request.device)
    name = request.name or _newest(world, device)
    header = header_of(_page(world, name), name)
    about, path = header.about, state_path(name)
    if (about.driver, about.kind) != (device.driver, device.mdev_type):
        raise Refused(
            f"{name} is the state of a {about.kind} by {about.driver}; {device.id} is a {device.mdev_type} by "
            f"{device.driver}",
            f"make an mdev of type {about.kind}, or choose another state: `iovtop states`",
        )
    guarded = guard(world, device)
    shell = f"# open {device.id} by VFIO, bring it to RESUMING, and write the state in {path} to its stream"
    text = f"give {device.id} the state {name}"
    step = Step(text, f"device state of {device.id}", "", f"{name}, {header.size} bytes", shell, "it runs")
    checks: tuple[Check, ...] = (*guarded.checks, StateIs(name, about.id))
    work = (Work(step, RestoreDeviceState(path, about, str(device.id)), checks),)
    foreign = about.kernel != world.host.kernel
    older = f"it was saved on kernel {about.kernel}, this is {world.host.kernel}: the driver may not take it"
    plan = Plan(
        asked=(asked(replace(request, name=name)),),
        title=f"{device.id} goes on from the state {name}, which {about.device} had",
        devices=(device.id,),
        conditions=guarded.conditions,
        steps=(step,),
        consequences=(
            "every byte of the file is checked before the device is touched",
            f"should the driver not take the state, {device.id} is reset",
            *((older,) if foreign else ()),
        ),
        undo=(),
        no_undo=f"what is in {device.id} now is lost",
        danger=Danger.DISRUPTIVE,
        must_type="",
        unseen=device.driver not in _SEEN,
    )
    return Operation(plan, work)


async def plan_remove_state(request: RemoveState, world: World) -> Operation:
    """Plan that a state is thrown away."""
    name, path = request.name, state_path(request.name)
    gone = StateIs(name)
    work: tuple[Work, ...] = ()
    if not gone.ask(world).holds:
        step = Step(f"throw the state {name} away", path, "a state", "", f"rm {path}", "the file is gone")
        work = (Work(step, DeleteFile(path), after=(gone,)),)
    plan = Plan(
        asked=(asked(request),), title=f"no state {name}", devices=(), conditions=(),
        steps=tuple(item.step for item in work), consequences=(), undo=(),
        no_undo=f"the state {name} is lost" if work else "",
        danger=Danger.DISRUPTIVE, must_type="", unseen=False,
    )  # fmt: skip
    return Operation(plan, work)
