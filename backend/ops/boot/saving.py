"""What is saved for boot, changed: by what devices are now, or taken out."""

from __future__ import annotations

import json
import shlex
from collections.abc import Collection, Sequence
from dataclasses import dataclass, field, replace
from hashlib import sha256

from backend.model.boot import Saved, SavedMdev
from backend.model.device import Device, DeviceKind
from backend.model.ids import DeviceId
from backend.model.plan import Asked, Danger, Plan, Step
from backend.model.requests import RemoveBoot, SaveBoot
from backend.model.text import MAX_TEXT
from backend.ops.actions import DeleteFile, SaveFile
from backend.ops.boot.identities import read_identities
from backend.ops.boot.live import Live, words_of
from backend.ops.boot.sight import kinds_of
from backend.ops.boot.unit import SettingsAre, asks_systemd, supposed_unit, work_to_install, work_to_remove
from backend.ops.codec import asked
from backend.ops.errors import BadRequest, NoSuchDevice, Refused
from backend.ops.operation import Operation, Outcome, Work
from backend.ops.world import World
from backend.probe.boot.compare import place
from backend.probe.boot.edit import edited
from backend.probe.boot.file import PATH, BadBootFile, Entry, parse, read
from backend.probe.boot.identity import has_identity
from backend.probe.boot.others import read_claims


@dataclass(slots=True)
class _Edit:
    """What becomes of the entries of a file."""

    replaced: dict[Entry, Entry | None] = field(default_factory=dict)
    added: list[Entry] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)
    """What should be known beside them."""


async def plan_save(request: SaveBoot, world: World) -> Operation:
    """Plan the file as it shall be, and the unit that applies it at boot."""
    old, saved = _file(world)
    if request.lines is not None:
        text = _text_of(request.lines)
        return _plan(world, asked(request), old, text)
    edit = await _looked_at(request, world, saved)
    if old is None and not edit.added:
        raise Refused(
            f"there is nothing to save: {'; '.join(edit.notes) or 'every device is as any boot makes it'}",
            "change something first; then save it",
        )
    text = edited(old, edit.replaced, tuple(edit.added))
    lines = _lines_of(text)
    filled = replace(request, lines=lines) if lines is not None else request
    return _plan(world, asked(filled), old, text, edit.notes)


async def plan_remove(request: RemoveBoot, world: World) -> Operation:
    """Plan a file without some entries; without any, neither file nor unit is left."""
    if not request.devices:
        return _plan_nothing(world, asked(request), _raw(world))
    old, saved = _file(world)
    if old is None:
        raise NoSuchDevice(f"nothing is saved for {', '.join(request.devices)}: there is no {PATH}")
    placed = place(saved, await read_identities(world, kinds_of(saved)))
    there = {name: entry for entry, name in placed.entries}
    lost = {lost.name: entry for entry, lost in placed.lost}
    replaced: dict[Entry, Entry | None] = {}
    for device in request.devices:
        entry = there.get(device) or lost.get(device)
        if entry is None:
            raise NoSuchDevice(f"nothing is saved for {device}", f"`iovtop boot changes` lists it; see {PATH}")
        replaced[entry] = None
    if len(replaced) == len(placed.entries) + len(placed.lost):
        return _plan_nothing(world, asked(request), old)
    text = edited(old, replaced, ())
    return _plan(world, asked(request), old, text, unit=False)


def _raw(world: World) -> str | None:
    try:
        supposed = world.supposed(PATH)
        return supposed if supposed is not None else read(world.doors.files)
    except BadBootFile as error:
        raise Refused(str(error)) from error


def _file(world: World) -> tuple[str | None, Saved]:
    """Return the file and what it says. Raises ``Refused`` for one that cannot be understood: it is not replaced."""
    try:
        text = _raw(world)
        return text, Saved() if text is None else parse(text)
    except BadBootFile as error:
        raise Refused(str(error), "mend it, or move it away: nothing was changed") from error


async def _looked_at(request: SaveBoot, world: World, saved: Saved) -> _Edit:
    """Return what becomes of the file when some devices are saved as they are now."""
    chosen = _chosen(world, request.devices)
    identities = await read_identities(world, kinds_of(saved), _functions(world, chosen))
    claims = read_claims(world.doors.files, list(world.devices()))
    placed = place(saved, identities)
    before = {name: entry for entry, name in placed.entries}
    live = Live(world, identities, claims)
    edit = _Edit()
    for device in chosen:
        old = before.get(device.id)
        new = await live.entry(device, old)
        if new == old:
            continue
        if old is None and new is not None:
            edit.added.append(new)
        elif old is not None:
            edit.replaced[old] = new
    if request.devices and not edit.added and not any(device.id in before for device in chosen):
        names = ", ".join(request.devices)
        why = "; ".join(live.left) or "it is as any boot makes it"
        raise Refused(f"there is nothing to save of {names}: {why}", "change it first; then save it")
    edit.notes += live.left
    if not request.devices:
        gone = [mdev for mdev in saved.mdev if world.find(mdev.uuid) is None]
        edit.notes += [f"mdev {mdev.uuid} is not there now, and stays saved" for mdev in gone]
        edit.notes += [f"{lost.name} is not there now, and stays saved: {lost.why}" for _, lost in placed.lost]
    return edit


def _chosen(world: World, names: Sequence[DeviceId]) -> list[Device]:
    """Return the devices that are saved by themselves: of a VF, its PF."""
    if not names:
        return [d for d in world.devices() if has_identity(d) or d.kind is DeviceKind.MDEV]
    found: dict[str, Device] = {}
    for name in names:
        device = world.device(name)
        if device.kind in (DeviceKind.VF, DeviceKind.VGPU_VF):
            device = world.device(device.parent)
        found[device.id] = device
    return list(found.values())


def _functions(world: World, chosen: Collection[Device]) -> list[Device]:
    """Return the functions by which these devices are known: themselves, or the parents of mdevs."""
    found = []
    for device in chosen:
        if device.kind is DeviceKind.MDEV:
            parent = world.find(device.parent)
            pf = world.find(parent.parent) if parent is not None and parent.parent else parent
            found += [pf] if pf is not None else []
        else:
            found.append(device)
    return found


def _plan(
    world: World, request: Asked, old: str | None, text: str, notes: Sequence[str] = (), *, unit: bool = True
) -> Operation:
    added, gone = _difference(old, text)
    names = list(dict.fromkeys(_name(entry) for entry in (*added, *gone)))
    said = [words_of(entry) for entry in added]
    said += [f"{name}: saved no more" for name in names if name not in {_name(entry) for entry in added}]
    work: list[Work] = []
    if text != old:
        # The sums make the plan another one when somebody else writes the file, or anything else would be written.
        step = Step("write what was saved", PATH, _summed(old), _summed(text), _shell(text), "it reads so")
        before, after = SettingsAre(PATH, old), SettingsAre(PATH, text)
        work.append(Work(step, SaveFile(PATH, text), (before,), (after,)))
    more: list[str] = []
    if unit:
        installing, more = work_to_install(world)
        work += installing
    undo, no_undo = _undo(old)
    plan = Plan(
        asked=(request,),
        title=f"save for boot: {', '.join(names[:4]) or 'nothing new'}{' …' if len(names) > 4 else ''}",
        devices=tuple(names),
        conditions=(),
        steps=tuple(item.step for item in work),
        consequences=(*said, *notes, *more),
        undo=undo if work else (),
        no_undo=no_undo if work else "",
        danger=Danger.REVERSIBLE,
        must_type="",
        unseen=asks_systemd(work),
    )
    return Operation(plan, tuple(work), Outcome(files={PATH: text, **(supposed_unit() if unit else {})}))


def _plan_nothing(world: World, request: Asked, old: str | None) -> Operation:
    """Plan that nothing is saved any more."""
    work = []
    if old is not None:
        step = Step("forget what was saved", PATH, _summed(old), "", f"rm {PATH}", "there is no such file")
        work.append(Work(step, DeleteFile(PATH), (SettingsAre(PATH, old),), (SettingsAre(PATH, None),)))
    work += work_to_remove(world)
    undo, no_undo = _undo(old) if old is not None else ((), "")
    plan = Plan(
        asked=(request,),
        title="nothing saved for boot",
        devices=(),
        conditions=(),
        steps=tuple(item.step for item in work),
        consequences=("the host stays as it is now; at the next boot nothing of it is made again",) if work else (),
        undo=undo if work else (),
        no_undo=no_undo if work else "",
        danger=Danger.REVERSIBLE,
        must_type="",
        unseen=asks_systemd(work),
    )
    return Operation(plan, tuple(work))


def _difference(old: str | None, new: str) -> tuple[list[Entry], list[Entry]]:
    """Return the entries that come and those that go; none where the old file cannot be understood."""
    try:
        before = [] if old is None else _entries(parse(old))
    except BadBootFile:
        before = []
    after = _entries(parse(new))
    return [entry for entry in after if entry not in before], [entry for entry in before if entry not in after]


def _entries(saved: Saved) -> list[Entry]:
    return [*saved.pf, *saved.function, *saved.mdev]


def _name(entry: Entry) -> str:
    return str(entry.uuid) if isinstance(entry, SavedMdev) else entry.identity.name


def _summed(text: str | None) -> str:
    """Return what a file says in a word, and its checksum; "" for no file."""
    return f"{_count(text)}, sha256 {sha256(text.encode()).hexdigest()[:16]}" if text is not None else ""


def _count(text: str) -> str:
    try:
        saved = parse(text)
    except BadBootFile:
        return "what cannot be understood"
    words = [
        f"{len(found)} {name}{'s' * (len(found) != 1)}"
        for name, found in (("PF", saved.pf), ("function", saved.function), ("mdev", saved.mdev))
        if found
    ]
    return ", ".join(words) or "nothing"


def _shell(text: str) -> str:
    lines = " ".join(shlex.quote(line) for line in text.splitlines())
    return f"mkdir -p /etc/iovtop && printf '%s\\n' {lines} > {PATH}"


def _undo(old: str | None) -> tuple[tuple[Asked, ...], str]:
    if old is None:
        return (asked(RemoveBoot()),), ""
    lines = _lines_of(old)
    if lines is None or not _is_understood(old):
        return (), f"what {PATH} says now cannot be kept: copy it first"
    return (asked(SaveBoot(lines=lines)),), ""


def _is_understood(text: str) -> bool:
    try:
        parse(text)
    except BadBootFile:
        return False
    return True


def _lines_of(text: str) -> tuple[str, ...] | None:
    """Return a text as lines that travel unharmed; None where one is too long for that."""
    lines = tuple(json.dumps(line) for line in text.split("\n"))
    return lines if all(len(line) <= MAX_TEXT for line in lines) else None


def _text_of(lines: Sequence[str]) -> str:
    try:
        found = [json.loads(line) for line in lines]
        text = "\n".join(found)
        parse(text)
    except (ValueError, TypeError, BadBootFile) as error:
        raise BadRequest(f"boot save: {error}") from error
    return text
