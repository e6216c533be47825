"""Devices and holders put together: who holds what, and what that says about the data path."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import replace

from backend.model.device import DataPath, Device, DeviceKind
from backend.model.facts import FactState, Note
from backend.model.holder import Holder, HolderKind
from backend.model.ids import DeviceId, GroupId
from backend.model.steps import Steps, batches
from backend.probe.holders import Found, HolderFindings
from backend.probe.pci import CORE_SUFFIX

_ACCESS = ("/dev/vfio", "fdinfo", "cmdline", "interrupts", "enable")
"""Evidence of a VFIO user, as opposed to a host's own use."""


def assign(
    devices: Iterable[Device], findings: HolderFindings, everything: Mapping[DeviceId, Device]
) -> Steps[dict[DeviceId, tuple[Found, ...]]]:
    """Return who holds each of ``devices`` that is held, by id; ``everything`` tells of the rest of their groups.

    A group's holder holds every device of the group that is on a VFIO driver, and keeps everybody from the
    ones that have none: among them a VF that is being removed under its guest, whose driver link goes first.
    """
    targets = findings.by_target()
    opened: Counter[GroupId | None] = Counter()
    for some in batches(everything.values()):
        opened.update(device.group for device in some if device.holders and is_open(device))
        yield
    assigned: dict[DeviceId, tuple[Found, ...]] = {}
    for some in batches(devices):
        for device in some:
            found = _found_of(device, targets, opened)
            if found:
                assigned[device.id] = found
        yield
    return assigned


def _found_of(
    device: Device, targets: Mapping[str, tuple[Found, ...]], opened: Mapping[GroupId | None, int]
) -> tuple[Found, ...]:
    found = targets.get(f"device:{device.id}", ())
    if device.vfio_node:
        found += targets.get(f"node:{device.vfio_node.rpartition('/')[2]}", ())
    if device.group is not None and (device.vfio or not device.driver):
        of_group = targets.get(f"group:{int(device.group)}", ())
        if opened[device.group] > 1:
            of_group = tuple(replace(item, mapped=item.mapped and None) for item in of_group)
        found += of_group
        if not found and device.vfio and not is_open(device) and opened[device.group]:
            found = _GROUP_MATE
    return found


_GROUP_MATE = (Found("", Holder(HolderKind.UNSEEN, "somebody", via="enable", detail="has a device of its group open")),)

_NOT_OPEN = "holds its group; the device itself is not open"


def is_open(device: Device) -> bool:
    """Return whether the device's own ``enable`` says that somebody has it open."""
    return any(holder.via == "enable" for holder in device.holders)


def join(device: Device, found: tuple[Found, ...], findings: HolderFindings | None) -> Device:
    """Return the device with its holders and the data path that they prove.

    The device itself comes back when there is nothing to add. While nobody has looked (``findings`` None),
    devices that a guest could hold say so.
    """
    if found:
        notes = {field: known for field, known in device.notes.items() if field not in ("path", "holders")}
        holders = _distinct(found)
        if _is_core(device) and not device.holders and "holders" not in device.notes:
            # By group or node alone: enable, which every driver built on vfio-pci-core counts, reads 0.
            unopened = tuple(replace(holder, detail=_NOT_OPEN) for holder in holders)
            return replace(device, holders=unopened, path=DataPath.READY, notes=notes)
        path, note = _held_path(device, holders, found)
        if note is not None:
            notes["path"] = note
        return replace(device, holders=holders, path=path, notes=notes)
    if device.holders:
        return device
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
    leaving = not device.driver and is_open(device)
    if not (device.vfio or leaving) or not any(holder.via.startswith(_ACCESS) for holder in holders):
        return device.path, None
    verdicts = {item.mapped for item in found if item.mapped is not None}
    if True in verdicts:
        return (DataPath.MEDIATED if device.kind is DeviceKind.MDEV else DataPath.PASSTHROUGH), None
    if False in verdicts:
        return DataPath.TRAP, None
    if all(holder.pid is not None and holder.via != "cmdline" for holder in holders):
        return None, Note(FactState.UNKNOWN, "its holder maps several devices: which is which only the VMM can tell")
    return None, Note(FactState.HIDDEN, "whether its regions are mapped into the holder needs root")


def _is_core(device: Device) -> bool:
    return device.vfio and device.driver.endswith(CORE_SUFFIX)


def _blind_spot(device: Device, findings: HolderFindings | None) -> Note | None:
    """Return why nobody can say that a device is free; None when it is.

    Drivers built on vfio-pci-core enable a function when it is opened: ``enable`` reading 0 proves that it is
    not, for everyone. Any other VFIO device is free only if every process could be looked into.
    """
    if not device.vfio or (_is_core(device) and "holders" not in device.notes):
        return None
    if findings is None:
        return Note(FactState.UNKNOWN, "not looked for yet")
    if findings.scan.complete:
        return None
    # Hidden is only what more rights would show: not what a tree lacks, nor a look that did not come back.
    return Note(FactState.HIDDEN if findings.scan.hidden else FactState.UNKNOWN, findings.scan.reason)
