"""Deltas as lines: JSON for programs, one readable line a change for people."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import fields
from typing import Any

from backend.model.delta import Changes, Delta
from backend.model.device import Device, Link, Sriov, VendorVgpu
from backend.model.holder import Holder
from backend.model.links import VfInfo
from backend.present.columns import describe_device, policy_words
from backend.report.document import timestamp

_KINDS = ("devices", "parents", "groups", "vms")


def delta_record(delta: Delta) -> dict[str, Any]:
    """Return a delta as plain values: records that came, ids that went, fields that changed as [old, new]."""
    record: dict[str, Any] = {
        "kind": "delta",
        "sequence": delta.sequence,
        "simulated": delta.new.simulated,
        "taken_at": timestamp(delta.new.taken_at),
    }
    for kind in _KINDS:
        changes: Changes[Any, Any] = getattr(delta, kind)
        if changes:
            record[kind] = {
                "added": list(changes.added.values()),
                "removed": list(changes.removed),
                "changed": [
                    {"id": key, "fields": changed_fields(old, new)} for key, (old, new) in changes.changed.items()
                ],
            }
    if delta.host_changed:
        old, new = delta.old, delta.new
        names = ("iommu", "weaknesses", "holder_scan", "notes", "boot")
        record["host"] = {n: getattr(new, n) for n in names if getattr(old, n) != getattr(new, n)}
    return record


def changed_fields(old: Any, new: Any) -> dict[str, list[Any]]:
    """Return field → [old, new] for what differs between two records of one type."""
    names = [field.name for field in fields(new)]
    return {
        name: [getattr(old, name), getattr(new, name)] for name in names if getattr(old, name) != getattr(new, name)
    }


def plain_lines(delta: Delta, arrow: str = "->") -> Iterator[str]:
    """Yield a readable line for each change, all with the time in front, and ``arrow`` from old to new."""
    clock = timestamp(delta.new.taken_at)[11:19]
    for device in delta.devices.removed.values():
        yield f"{clock}  {device.id}  gone"
    for device in delta.devices.added.values():
        driver = f", driver {device.driver}" if device.driver else ", no driver"
        yield f"{clock}  {device.id}  new {device.kind.value} {describe_device(device)}{driver}".rstrip()
    for old, new in delta.devices.changed.values():
        for name, before, after in device_changes(old, new):
            yield f"{clock}  {new.id}  {name} {before} {arrow} {after}"
    for old_group, new_group in delta.groups.changed.values():
        if old_group.viability != new_group.viability:
            verdict = "viable" if new_group.viability.viable else f"not viable: {new_group.viability.reason}"
            yield f"{clock}  group {int(new_group.id)}  {verdict}"
    for old_parent, new_parent in delta.parents.changed.values():
        free = {t.id: t.available for t in old_parent.types}
        for mdev_type in new_parent.types:
            if free.get(mdev_type.id) != mdev_type.available:
                count = f"{free.get(mdev_type.id)} {arrow} {mdev_type.available} free"
                yield f"{clock}  {new_parent.name}/{mdev_type.id}  {count}"
    for vm in delta.vms.removed.values():
        yield f"{clock}  vm {vm.name} (pid {vm.pid})  gone"
    for vm in delta.vms.added.values():
        plugged = len(vm.devices)
        yield f"{clock}  vm {vm.name} (pid {vm.pid})  new VM with {plugged} host device{'s' * (plugged != 1)}"
    if delta.host_changed and delta.new.holder_scan.reason:
        yield f"{clock}  holders  {delta.new.holder_scan.reason}"


def device_changes(old: Device, new: Device) -> Iterator[tuple[str, str, str]]:
    """Yield field, former and present value, in words, for what differs between two records of a device."""
    for name, (before, after) in changed_fields(old, new).items():
        if name != "notes":
            yield name, _words(before), _words(after)


def _words(value: Any) -> str:
    if value is None or value == "" or value == ():
        return "none"
    if isinstance(value, tuple):
        return ", ".join(_words(item) for item in value)
    if isinstance(value, Sriov):
        return f"{len(value.vfs)}/{'?' if value.total is None else value.total} VFs"
    if isinstance(value, Link):
        return (
            f"{'?' if value.speed is None else f'{value.speed:g}'} GT/s x{'?' if value.width is None else value.width}"
        )
    if isinstance(value, VendorVgpu):
        return value.current or "none"
    if isinstance(value, VfInfo):
        return policy_words(value) or "as it comes"
    if isinstance(value, Holder):
        return f"{value.kind} {value.name}" + (f" (pid {value.pid})" if value.pid is not None else "")
    if isinstance(value, Device):
        return str(value.id)
    return str(value)
