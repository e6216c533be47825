"""What a change is to the screen: where it applies, what it has to be told, the requests that it makes."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass

from backend.model.device import Device, DeviceKind
from backend.model.host import Host
from backend.model.plan import Asked
from backend.present.tree import Subject
from tui.dialogs.form import Form

Values = Mapping[str, str]
"""What was filled in, by the name of the field."""


@dataclass(frozen=True, slots=True)
class Change:
    """One kind of change. ``call`` of its action is ``change('VERB')``."""

    why_not: Callable[[Host, Subject], str]
    """Why it does not apply to this row; "" when it does."""
    form: Callable[[Host, Subject], Form]
    """What has to be told. Without fields the plan comes at once."""
    requests: Callable[[Host, Subject, Values], tuple[Asked, ...]]


def no_form(host: Host, subject: Subject) -> Form:
    """Return a form that asks nothing."""
    return Form("")


def function_of(subject: Subject) -> Device | str:
    """Return the PCI function that a row speaks of, or why it speaks of none."""
    if not isinstance(subject, Device):
        return "this row is no device"
    return f"{subject.id} is an mdev" if subject.kind is DeviceKind.MDEV else subject


def mdev_of(subject: Subject) -> Device | str:
    """Return the mdev that a row speaks of, or why it speaks of none."""
    if isinstance(subject, Device) and subject.kind is DeviceKind.MDEV:
        return subject
    return f"{subject.id} is no mdev" if isinstance(subject, Device) else "this row is no mdev"


def reason(found: object) -> str:
    """Return why a row does not speak of what a change needs; "" when it does."""
    return found if isinstance(found, str) else ""


def device(subject: Subject) -> Device:
    """Return the device of a row that is known to have one."""
    assert isinstance(subject, Device)
    return subject
