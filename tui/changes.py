"""The changes that a row offers: to which rows each applies, what it has to be told, and the request it makes."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass

from backend.model.device import Device
from backend.model.host import Host
from backend.model.plan import Asked
from backend.model.requests import SetNumVfs
from backend.present.tree import Row, Subject
from tui.dialogs.form import Field, FieldKind, Form

Values = Mapping[str, str]
"""What was filled in, by the name of the field."""


@dataclass(frozen=True, slots=True)
class Change:
    """One kind of change. ``call`` of its action is ``change('VERB')``."""

    why_not: Callable[[Host, Subject], str]
    """Why it does not apply to this row; "" when it does."""
    form: Callable[[Host, Subject], Form]
    """What has to be told. Without fields the plan comes at once."""
    request: Callable[[Host, Subject, Values], tuple[Asked, ...]]


def why_not(verb: str, host: Host, row: Row) -> str:
    """Return why a change cannot be asked for at a row; "" when it can."""
    return CHANGES[verb].why_not(host, row.subject)


# ---- the number of VFs


def _numvfs_why_not(host: Host, subject: Subject) -> str:
    if not isinstance(subject, Device):
        return "this row is no device"
    return "" if subject.sriov is not None else f"{subject.id} is no PF"


def _numvfs_form(host: Host, subject: Subject) -> Form:
    assert isinstance(subject, Device)
    assert subject.sriov is not None
    total, now = subject.sriov.total or 0, len(subject.sriov.vfs)
    return Form(
        f"Number of VFs of {subject.id}",
        (
            Field("count", "VFs", FieldKind.NUMBER, str(now), f"0 to {total}, now {now}", low=0, high=total),
            Field("guests", "for guests", FieldKind.FLAG, "", "yes: no host driver takes the new VFs"),
        ),
    )


def _numvfs_request(host: Host, subject: Subject, values: Values) -> tuple[Asked, ...]:
    assert isinstance(subject, Device)
    arguments = {"pf": str(subject.id), "count": int(values["count"]), "guests": bool(values["guests"])}
    return (Asked(SetNumVfs.verb, arguments),)


CHANGES: Mapping[str, Change] = {
    SetNumVfs.verb: Change(_numvfs_why_not, _numvfs_form, _numvfs_request),
}
"""Every change by its verb."""
