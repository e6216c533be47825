"""Devices and holders put together: who holds what, and what that says about the data path."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import replace

from backend.model.device import DataPath, Device, DeviceKind
from backend.model.facts import FactState, Note
from backend.model.holder import Holder, HolderKind
from backend.model.ids import DeviceId
from backend.probe.holders import Found, HolderFindings

Assignments = Mapping[DeviceId, tuple[Found, ...]]

_ACCESS = ("/dev/vfio", "fdinfo", "cmdline", "interrupts", "enable")
"""Evidence of a VFIO user, as opposed to a host's own use."""


def assign(devices: Iterable[Device], findings: HolderFindings) -> dict[DeviceId, tuple[Found, ...]]:
    """Return who holds each device that is held, by id.

    A group's holder holds every device of the group that is on a VFIO driver.
    """
    targets = findings.by_target()
    assigned: dict[DeviceId, tuple[Found, ...]] = {}
    if not targets:
        return assigned
    for device in devices:
        found = targets.get(f"device:{device.id}", ())
        if device.vfio:
            if device.vfio_node:
                found += targets.get(f"node:{device.vfio_node.rpartition('/')[2]}", ())
            if device.group is not None:
                found += targets.get(f"group:{int(device.group)}", ())
        if found:
            assigned[device.id] = found
    return assigned


def join(device: Device, found: tuple[Found, ...], findings: HolderFindings | None) -> Device:
    """Return the device with its holders and the data path that they prove.

    The device itself comes back when there is nothing to add. While nobody has looked (``findings`` None),
    devices that a guest could hold say so.
    """
    if not found and device.holders:
        return device
    holders = _distinct(found)
    if holders:
        path, note = _held_path(device, holders, found)
        notes = {field: known for field, known in device.notes.items() if field != "path"}
        if note is not None:
            notes["path"] = note
        return replace(device, holders=holders, path=path, notes=notes)
    note = _blind_spot(device, findings)
    if note is None:
        return device
    return replace(device, path=None, notes={**device.notes, "holders": note, "path": note})


def _distinct(found: tuple[Found, ...]) -> tuple[Holder, ...]:
    """Return each holder once, those with a name before those that nobody can see."""
    holders: dict[tuple[object, ...], Holder] = {}
    for item in found:
        holder = item.holder
        key = (holder.pid,) if holder.pid is not None else (holder.kind, holder.name, holder.detail)
        holders.setdefault(key, holder)
    named = tuple(holder for holder in holders.values() if holder.kind is not HolderKind.UNSEEN)
    return named or tuple(holders.values())


def _held_path(
    device: Device, holders: tuple[Holder, ...], found: tuple[Found, ...]
) -> tuple[DataPath | None, Note | None]:
    if not device.vfio or not any(holder.via.startswith(_ACCESS) for holder in holders):
        return device.path, None
    verdicts = {item.mapped for item in found if item.mapped is not None}
    if True in verdicts:
        return (DataPath.MEDIATED if device.kind is DeviceKind.MDEV else DataPath.PASSTHROUGH), None
    if False in verdicts:
        return DataPath.TRAP, None
    if all(holder.pid is not None and holder.via != "cmdline" for holder in holders):
        return None, Note(FactState.UNKNOWN, "its holder maps several devices: which is which only the VMM can tell")
    return None, Note(FactState.HIDDEN, "whether its regions are mapped into the holder needs root")


_CORE = ("vfio-pci", "vfio_pci")


def _blind_spot(device: Device, findings: HolderFindings | None) -> Note | None:
    """Return why nobody can say that a device is free; None when it is.

    Drivers built on vfio-pci-core enable a function when it is opened: ``enable`` reading 0 proves that it is
    not, for everyone. Any other VFIO device is free only if every process could be looked into.
    """
    if not device.vfio or (device.driver.endswith(_CORE) and "holders" not in device.notes):
        return None
    if findings is None:
        return Note(FactState.UNKNOWN, "not looked for yet")
    if findings.scan.complete:
        return None
    # Hidden is only what more rights would show: not what a tree lacks, nor a look that did not come back.
    return Note(FactState.HIDDEN if findings.scan.hidden else FactState.UNKNOWN, findings.scan.reason)
