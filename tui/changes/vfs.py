"""Changes of the VFs of a PF."""

from __future__ import annotations

from collections.abc import Mapping

from backend.model.device import Device
from backend.model.host import Host
from backend.model.plan import Asked
from backend.model.requests import SetNumVfs, SetUnmanagedVfs
from backend.present.tree import Subject
from tui.changes.change import Change, Values, device, function_of
from tui.dialogs.form import Choice, Field, FieldKind, Form


def _why_no_pf(host: Host, subject: Subject) -> str:
    found = function_of(subject)
    if isinstance(found, str):
        return found
    return "" if found.sriov is not None else f"{found.id} is no PF"


def _count(pf: Device) -> Field:
    assert pf.sriov is not None
    total, now = pf.sriov.total or 0, len(pf.sriov.vfs)
    return Field("count", "VFs", FieldKind.NUMBER, str(now), f"0 to {total}, now {now}", low=0, high=total)


def _numvfs_form(host: Host, subject: Subject) -> Form:
    guests = Field("guests", "for guests", FieldKind.FLAG, "", "yes: on a VFIO driver, no host driver in between")
    return Form(f"Number of VFs of {device(subject).id}", (_count(device(subject)), guests))


def _numvfs(host: Host, subject: Subject, values: Values) -> tuple[Asked, ...]:
    arguments = {"pf": str(device(subject).id), "count": int(values["count"]), "guests": bool(values["guests"])}
    return (Asked(SetNumVfs.verb, arguments),)


_STUBS = (
    Choice("pci-pf-stub", "pci-pf-stub: nobody uses the PF itself"),
    Choice("vfio-pci", "vfio-pci: a program uses the PF, and VFs open with its token"),
)


def _unmanaged_form(host: Host, subject: Subject) -> Form:
    driver = Field("driver", "driver", FieldKind.CHOICE, "pci-pf-stub", choices=_STUBS)
    return Form(f"VFs of {device(subject).id} without a host driver", (driver, _count(device(subject))))


def _unmanaged(host: Host, subject: Subject, values: Values) -> tuple[Asked, ...]:
    arguments = {"pf": str(device(subject).id), "count": int(values["count"]), "driver": values["driver"]}
    return (Asked(SetUnmanagedVfs.verb, arguments),)


CHANGES: Mapping[str, Change] = {
    SetNumVfs.verb: Change(_why_no_pf, _numvfs_form, _numvfs),
    SetUnmanagedVfs.verb: Change(_why_no_pf, _unmanaged_form, _unmanaged),
}
