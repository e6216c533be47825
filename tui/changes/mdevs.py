"""Changes of mdevs, and of the vendor vGPU type of a VF."""

from __future__ import annotations

from collections.abc import Mapping

from backend.model.device import Device
from backend.model.host import Host
from backend.model.mdev import MdevParent, MdevType
from backend.model.plan import Asked
from backend.model.requests import (
    CreateMdevs,
    DefineMdev,
    RemoveMdevs,
    RestoreState,
    SaveState,
    SetVgpuType,
    UndefineMdev,
)
from backend.present.tree import Subject
from tui.changes.change import Change, Values, device, function_of, mdev_of, no_form, reason
from tui.dialogs.form import Choice, Field, FieldKind, Form

_MOST = 256
"""mdevs that one form makes at the most."""


def _parent_of(host: Host, subject: Subject) -> MdevParent | None:
    """Return the mdev parent that a row speaks of: itself, of one of its types, or the function that it is."""
    match subject:
        case MdevParent():
            return subject
        case MdevType():
            return next((parent for parent in host.parents.values() if subject in parent.types), None)
        case Device():
            return next((parent for parent in host.parents.values() if parent.device == subject.id), None)
    return None


def _create_why_not(host: Host, subject: Subject) -> str:
    parent = _parent_of(host, subject)
    if parent is None:
        return "no mdevs can be made of this row"
    return "" if any(kind.available != 0 for kind in parent.types) else f"{parent.name} has no room for another mdev"


def _create_form(host: Host, subject: Subject) -> Form:
    parent = _parent_of(host, subject)
    assert parent is not None
    choices = tuple(_type_choice(kind) for kind in parent.types)
    free = next((choice.value for choice in choices if not choice.why_not), choices[0].value)
    value = subject.id if isinstance(subject, MdevType) and subject.available != 0 else free
    fields = (
        Field("type", "type", FieldKind.CHOICE, value, choices=choices),
        Field("count", "how many", FieldKind.NUMBER, "1", low=1, high=_MOST),
        Field("uuid", "UUID", FieldKind.TEXT, "", "of the first; empty: a new one"),
    )
    return Form(f"New mdevs of {parent.name}", fields)


def _type_choice(kind: MdevType) -> Choice:
    room = f"{kind.available} free" if kind.available is not None else "room unknown"
    name = f" {kind.name}" if kind.name != kind.id else ""
    return Choice(kind.id, f"{kind.id}{name}, {room}", "none free" if kind.available == 0 else "")


def _create(host: Host, subject: Subject, values: Values) -> tuple[Asked, ...]:
    parent = _parent_of(host, subject)
    assert parent is not None
    uuids = [values["uuid"]] if values["uuid"] else []
    arguments = {"parent": parent.name, "type": values["type"], "count": int(values["count"]), "uuids": uuids}
    return (Asked(CreateMdevs.verb, arguments),)


def _why_no_mdev(host: Host, subject: Subject) -> str:
    return reason(mdev_of(subject))


def _remove(host: Host, subject: Subject, values: Values) -> tuple[Asked, ...]:
    return (Asked(RemoveMdevs.verb, {"uuids": [str(device(subject).id)]}),)


def _define_form(host: Host, subject: Subject) -> Form:
    auto = Field("auto", "start at boot", FieldKind.FLAG, "yes", "by mdevctl")
    return Form(f"Definition of mdev {device(subject).id}", (auto,))


def _define(host: Host, subject: Subject, values: Values) -> tuple[Asked, ...]:
    return (Asked(DefineMdev.verb, {"uuid": str(device(subject).id), "auto": bool(values["auto"])}),)


def _undefine_why_not(host: Host, subject: Subject) -> str:
    found = mdev_of(subject)
    if isinstance(found, str):
        return found
    return "" if found.defined else f"mdevctl keeps no definition of {found.id}"


def _undefine(host: Host, subject: Subject, values: Values) -> tuple[Asked, ...]:
    return (Asked(UndefineMdev.verb, {"uuid": str(device(subject).id)}),)


def _vgpu_why_not(host: Host, subject: Subject) -> str:
    found = function_of(subject)
    if isinstance(found, str):
        return found
    return "" if found.vgpu is not None else f"{found.id} has no vendor vGPU types"


def _vgpu_form(host: Host, subject: Subject) -> Form:
    found = device(subject)
    assert found.vgpu is not None
    now = found.vgpu.current if found.vgpu.current != "0" else ""
    lines = [(line.split(":")[0].strip(), line) for line in found.vgpu.creatable]
    choices = (Choice("0", "none"), *(Choice(number, line) for number, line in lines if number.isdecimal()))
    kind = Field("type", "type", FieldKind.CHOICE, "0", f"now {now or 'none'}", choices=choices)
    return Form(f"vGPU type of {found.id}", (kind,))


def _vgpu(host: Host, subject: Subject, values: Values) -> tuple[Asked, ...]:
    return (Asked(SetVgpuType.verb, {"vf": str(device(subject).id), "type": int(values["type"])}),)


def _save_form(host: Host, subject: Subject) -> Form:
    name = Field("name", "name", FieldKind.TEXT, "", "empty: the mdev and the time")
    return Form(f"State of mdev {device(subject).id}", (name,))


def _named(values: Values) -> dict[str, str]:
    return {"name": values["name"]} if values["name"] else {}


def _save(host: Host, subject: Subject, values: Values) -> tuple[Asked, ...]:
    return (Asked(SaveState.verb, {"device": str(device(subject).id), **_named(values)}),)


def _restore_form(host: Host, subject: Subject) -> Form:
    name = Field("name", "state", FieldKind.TEXT, "", "empty: the newest of this mdev; `iovtop states` has all")
    return Form(f"A kept state for mdev {device(subject).id}", (name,))


def _restore(host: Host, subject: Subject, values: Values) -> tuple[Asked, ...]:
    return (Asked(RestoreState.verb, {"device": str(device(subject).id), **_named(values)}),)


CHANGES: Mapping[str, Change] = {
    CreateMdevs.verb: Change(_create_why_not, _create_form, _create),
    RemoveMdevs.verb: Change(_why_no_mdev, no_form, _remove),
    DefineMdev.verb: Change(_why_no_mdev, _define_form, _define),
    UndefineMdev.verb: Change(_undefine_why_not, no_form, _undefine),
    SaveState.verb: Change(_why_no_mdev, _save_form, _save),
    RestoreState.verb: Change(_why_no_mdev, _restore_form, _restore),
    SetVgpuType.verb: Change(_vgpu_why_not, _vgpu_form, _vgpu),
}
