"""Changes of who drives a function, of its group, and its reset."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from backend.model.device import DataPath
from backend.model.group import IommuGroup
from backend.model.host import Host
from backend.model.ids import GroupId
from backend.model.plan import Asked
from backend.model.requests import Bind, BindGroup, Reset, SetGroupType, SetPath, Unbind
from backend.present.tree import Subject
from tui.changes.change import Change, Values, device, function_of, no_form, reason
from tui.dialogs.form import Choice, Field, FieldKind, Form


def _why_no_function(host: Host, subject: Subject) -> str:
    return reason(function_of(subject))


# ---- drivers

_DRIVERS = (
    Choice("vfio", "VFIO: the variant driver that fits best, or vfio-pci"),
    Choice("default", "the host's: no override, the kernel chooses"),
    Choice("named", "the one named below"),
)


def _bind_form(host: Host, subject: Subject) -> Form:
    found = device(subject)
    which = "default" if found.vfio else "vfio"
    now = found.driver or "none"
    fields = (
        Field("which", "driver", FieldKind.CHOICE, which, f"now {now}", choices=_DRIVERS),
        Field("named", "named", FieldKind.TEXT, "", "name of a driver, as in /sys/bus/pci/drivers"),
    )
    return Form(f"Driver of {found.id}", fields)


def _bind(host: Host, subject: Subject, values: Values) -> tuple[Asked, ...]:
    ways: dict[str, dict[str, Any]] = {"vfio": {"vfio": True}, "named": {"driver": values["named"]}}
    which = ways.get(values["which"], {})
    return (Asked(Bind.verb, {"device": str(device(subject).id), **which}),)


def _unbind_why_not(host: Host, subject: Subject) -> str:
    found = function_of(subject)
    if isinstance(found, str):
        return found
    return "" if found.driver else f"{found.id} has no driver"


def _unbind(host: Host, subject: Subject, values: Values) -> tuple[Asked, ...]:
    return (Asked(Unbind.verb, {"device": str(device(subject).id)}),)


# ---- groups


def _group_of(subject: Subject) -> GroupId | None:
    if isinstance(subject, IommuGroup):
        return subject.id
    found = function_of(subject)
    return None if isinstance(found, str) else found.group


def _why_no_group(host: Host, subject: Subject) -> str:
    return "" if _group_of(subject) is not None else "this row is in no IOMMU group of functions"


def _bind_group(host: Host, subject: Subject, values: Values) -> tuple[Asked, ...]:
    group = _group_of(subject)
    assert group is not None
    return (Asked(BindGroup.verb, {"group": int(group)}),)


_TYPES = (
    Choice("DMA", "DMA: translated, flushed at once"),
    Choice("DMA-FQ", "DMA-FQ: translated, flushed in batches"),
    Choice("identity", "identity: not translated"),
    Choice("auto", "auto: as the kernel chooses"),
)


def _group_type_form(host: Host, subject: Subject) -> Form:
    group = _group_of(subject)
    assert group is not None
    now = host.groups[group].type if group in host.groups else None
    value = now if now in [choice.value for choice in _TYPES] else "auto"
    kind = Field("type", "type", FieldKind.CHOICE, str(value), f"now {now or 'unknown'}", choices=_TYPES)
    return Form(f"Default domain of group {int(group)}", (kind,))


def _group_type(host: Host, subject: Subject, values: Values) -> tuple[Asked, ...]:
    group = _group_of(subject)
    assert group is not None
    return (Asked(SetGroupType.verb, {"group": int(group), "type": values["type"]}),)


# ---- data path, reset

_PATHS = (
    Choice("host", "host: the host's own driver"),
    Choice("ready", "ready: on a VFIO driver, for a guest"),
    Choice("trap", "trap: wrapped as an mdev by its vendor driver"),
)


def _path_form(host: Host, subject: Subject) -> Form:
    found = device(subject)
    value = "host" if found.path is DataPath.READY else "ready"
    hint = f"now {found.path or 'unknown'}"
    return Form(f"Data path of {found.id}", (Field("path", "path", FieldKind.CHOICE, value, hint, choices=_PATHS),))


def _path(host: Host, subject: Subject, values: Values) -> tuple[Asked, ...]:
    return (Asked(SetPath.verb, {"device": str(device(subject).id), "path": values["path"]}),)


def _reset_form(host: Host, subject: Subject) -> Form:
    found = device(subject)
    methods = found.reset_methods or ()
    choices = (Choice("", "the kernel's first choice"), *(Choice(method, method) for method in methods))
    return Form(f"Reset of {found.id}", (Field("method", "method", FieldKind.CHOICE, "", choices=choices),))


def _reset(host: Host, subject: Subject, values: Values) -> tuple[Asked, ...]:
    method = {"method": values["method"]} if values["method"] else {}
    return (Asked(Reset.verb, {"device": str(device(subject).id), **method}),)


CHANGES: Mapping[str, Change] = {
    Bind.verb: Change(_why_no_function, _bind_form, _bind),
    Unbind.verb: Change(_unbind_why_not, no_form, _unbind),
    BindGroup.verb: Change(_why_no_group, no_form, _bind_group),
    SetGroupType.verb: Change(_why_no_group, _group_type_form, _group_type),
    SetPath.verb: Change(_why_no_function, _path_form, _path),
    Reset.verb: Change(_why_no_function, _reset_form, _reset),
}
