"""What is saved of a device for boot."""

from __future__ import annotations

from collections.abc import Mapping

from backend.model.device import Device
from backend.model.host import Host
from backend.model.ids import DeviceId
from backend.model.plan import Asked
from backend.model.requests import RemoveBoot, SaveBoot
from backend.present.tree import Subject
from tui.changes.change import Change, Values, device, no_form


def _save_why_not(host: Host, subject: Subject) -> str:
    return "" if isinstance(subject, Device) else "this row is no device"


def _save(host: Host, subject: Subject, values: Values) -> tuple[Asked, ...]:
    return (Asked(SaveBoot.verb, {"devices": [str(device(subject).id)]}),)


def _remove_why_not(host: Host, subject: Subject) -> str:
    if not isinstance(subject, Device):
        return "this row is no device"
    return f"nothing is saved of {subject.id}" if _saved_as(host, subject) is None else ""


def _saved_as(host: Host, subject: Device) -> str | None:
    """Return the device whose entry speaks of this one: itself, or its PF; None where nothing is saved."""
    entry = subject if subject.index is None else host.devices.get(DeviceId(subject.parent))
    return str(entry.id) if entry is not None and entry.drift is not None else None


def _remove(host: Host, subject: Subject, values: Values) -> tuple[Asked, ...]:
    return (Asked(RemoveBoot.verb, {"devices": [_saved_as(host, device(subject))]}),)


CHANGES: Mapping[str, Change] = {
    SaveBoot.verb: Change(_save_why_not, no_form, _save),
    RemoveBoot.verb: Change(_remove_why_not, no_form, _remove),
}
