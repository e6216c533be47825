"""Trees of rows: what lies below what in each view.

A row is named by a key that survives every rebuild; cursor, marks and expansion hold keys, never numbers.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field

from backend.model.device import Device, DeviceKind
from backend.model.group import IommuGroup
from backend.model.holder import Holder, HolderKind
from backend.model.host import Host
from backend.model.ids import PciAddress, id_order
from backend.model.mdev import MdevParent, MdevType
from backend.model.vm import Vm
from backend.present.view import View

__all__ = [
    "NumaNode",
    "Projection",
    "RootPort",
    "Row",
    "Subject",
    "View",
    "holder_key",
    "is_plumbing",
    "plain_name",
    "project",
]


@dataclass(frozen=True, slots=True)
class NumaNode:
    """A NUMA node with the devices near it."""

    number: int | None
    """None stands for the devices of which the firmware tells no node."""
    devices: int
    held: int


@dataclass(frozen=True, slots=True)
class RootPort:
    """A root port with the devices that share its link."""

    address: PciAddress
    devices: int
    held: int


Subject = Device | IommuGroup | MdevParent | MdevType | Holder | NumaNode | RootPort


@dataclass(frozen=True, slots=True)
class Row:
    """One row of a tree."""

    key: str
    """Unique in its view: a device's id, ``group:42``, ``parent:mtty``, ``type:mtty/mtty-1``, ``holder:...``,
    ``numa:0``, ``port:0000:00:01.0``."""
    subject: Subject
    device: Device | None
    """The device that the row speaks of; None for groups, types, holders, nodes and ports."""


@dataclass(frozen=True, slots=True)
class Projection:
    """A view of a host as a tree. Rows are cheap: cells are made only for what is drawn."""

    view: View
    host: Host
    rows: Mapping[str, Row]
    children: Mapping[str, Sequence[str]]
    """Row key → keys of its children in order; "" holds the roots. Leaves are left out."""
    parents: Mapping[str, str] = field(default_factory=dict)
    """Row key → key of its parent; roots are left out."""
    matches: frozenset[str] = frozenset()
    """Keys of the rows that the filter found, where there is one; the others are there for what is below or above."""


def project(host: Host, view: View, earlier: Projection | None = None) -> Projection:
    """Return ``view`` of ``host``; rows that are as they were ``earlier`` stay the same objects."""
    builder = _Builder(earlier.rows if earlier is not None else {})
    _BUILD[view](host, builder)
    return Projection(view, host, builder.rows, builder.children, builder.parents)


class _Builder:
    def __init__(self, known: Mapping[str, Row]) -> None:
        self._known = known
        self.rows: dict[str, Row] = {}
        self.children: dict[str, list[str]] = {}
        self.parents: dict[str, str] = {}

    def add(self, key: str, parent: str, subject: Subject, device: Device | None = None) -> str:
        row = self._known.get(key)
        self.rows[key] = row if row is not None and row.subject is subject else Row(key, subject, device)
        siblings = self.children.get(parent)
        if siblings is None:
            self.children[parent] = [key]
        else:
            siblings.append(key)
        if parent:
            self.parents[key] = parent
        return key


_PARTS = frozenset(("05", "08", "11"))


def is_plumbing(device: Device) -> bool:
    """Return whether a function is part of the machine rather than a device that somebody could be given.

    Bridges and ports (class 06), and memory controllers, system peripherals and performance monitors
    (classes 05, 08 and 11) that have no driver: accelerators share those classes, but have drivers or VFs.
    """
    base = device.class_code[:2]
    if base == "06":
        return True
    return base in _PARTS and not device.driver and device.sriov is None


def _devices(host: Host, builder: _Builder) -> None:
    """PF → VF → mdev type → mdev, virtual mdev parents last. Plumbing is left to the group view.

    A type that has no mdev and no room for one is left to the detail of its parent.
    """
    parents = {str(parent.device): parent for parent in host.parents.values() if parent.device is not None}
    for device in host.devices.values():
        if device.kind is DeviceKind.MDEV or is_plumbing(device):
            continue
        below = device.parent if device.parent in builder.rows else ""
        key = builder.add(str(device.id), below, device, device)
        parent = parents.get(key) if parents else None
        if parent is not None:
            _add_types(host, builder, parent, key)
    for parent in host.parents.values():
        if parent.device is None or str(parent.device) not in builder.rows:
            _add_types(host, builder, parent, builder.add(f"parent:{parent.name}", "", parent))
    for device in host.devices.values():
        if device.kind is DeviceKind.MDEV and str(device.id) not in builder.rows:
            builder.add(str(device.id), "", device, device)


def _add_types(host: Host, builder: _Builder, parent: MdevParent, key: str) -> None:
    for mdev_type in parent.types:
        if not mdev_type.instances and mdev_type.available == 0 and parent.device is not None:
            continue
        below = builder.add(f"type:{parent.name}/{mdev_type.id}", key, mdev_type)
        for uuid in mdev_type.instances:
            device = host.devices.get(uuid)
            if device is not None and str(uuid) not in builder.rows:
                builder.add(str(uuid), below, device, device)


def _groups(host: Host, builder: _Builder) -> None:
    """Group → members, ports and bridges too; what has no group comes last. Without any group there are no rows."""
    if not host.groups:
        return
    for group in host.groups.values():
        below = builder.add(f"group:{int(group.id)}", "", group)
        for member in group.members:
            device = host.devices.get(member)
            if device is not None:
                builder.add(str(member), below, device, device)
    for device in host.devices.values():
        if device.group is None:
            builder.add(str(device.id), "", device, device)


def plain_name(row: Row) -> str:
    """Return what a row's subject is called elsewhere: address, UUID, type, VM or program, number of group or node."""
    subject = row.subject
    if isinstance(subject, IommuGroup):
        return str(int(subject.id))
    if isinstance(subject, NumaNode):
        return "" if subject.number is None else str(subject.number)
    if isinstance(subject, RootPort):
        return str(subject.address)
    return subject.name if isinstance(subject, MdevParent | Holder) else str(subject.id)


def holder_key(holder: Holder) -> str:
    """Return the key of a holder's row: one row for a process, whatever it holds and however we know."""
    if holder.pid is not None:
        return f"holder:{holder.kind}:{holder.pid}"
    return f"holder:{holder.kind}:{holder.name}"


def holder_of(vm: Vm) -> Holder:
    """Return a VM as a holder, whether it holds anything or not."""
    return Holder(HolderKind.VM, vm.name, vm.pid, vm.start_time, vm.user, "process", vm.program)


def _holders(host: Host, builder: _Builder) -> None:
    """Holder → what it holds: VMs first (those without a device too), then programs, then the host's own uses."""
    order = {kind: position for position, kind in enumerate(HolderKind)}
    held: dict[str, tuple[Holder, list[Device]]] = {}
    for device in host.devices.values():
        for holder in device.holders:
            held.setdefault(holder_key(holder), (holder, []))[1].append(device)
    for vm in host.vms.values():
        holder = holder_of(vm)
        held.setdefault(holder_key(holder), (holder, []))
    for key, (holder, devices) in sorted(held.items(), key=lambda i: (order[i[1][0].kind], i[1][0].name, i[0])):
        builder.add(key, "", holder)
        for device in sorted(devices, key=lambda d: id_order(d.id)):
            builder.add(f"{key}/{device.id}", key, device, device)


def numa_key(device: Device) -> str:
    """Return the key of the node's row below which a device stands."""
    return "numa:none" if device.numa is None else f"numa:{device.numa}"


def _numa(host: Host, builder: _Builder) -> None:
    """Node → root port → PF → VF and mdev. A port counts to the node of what is behind it."""
    found: dict[str, dict[PciAddress | None, list[Device]]] = {}
    for device in host.devices.values():
        if not is_plumbing(device):
            home = _home(host, device)
            found.setdefault(numa_key(home), {}).setdefault(home.root_port, []).append(device)
    for node, ports in sorted(found.items(), key=lambda item: (item[0] == "numa:none", len(item[0]), item[0])):
        near = [device for devices in ports.values() for device in devices]
        builder.add(node, "", NumaNode(_home(host, near[0]).numa, len(near), _held(near)))
        for port, devices in sorted(ports.items(), key=lambda item: (item[0] is None, item[0] and id_order(item[0]))):
            below = node
            if port is not None:
                key = f"port:{port}" if f"port:{port}" not in builder.rows else f"port:{port}@{node}"
                below = builder.add(key, node, RootPort(port, len(devices), _held(devices)))
            for device in devices:
                builder.add(str(device.id), device.parent if device.parent in builder.rows else below, device, device)


def _home(host: Host, device: Device) -> Device:
    """Return the function that tells where a device is: an mdev is where its parent is."""
    parent = host.parents.get(device.parent) if device.kind is DeviceKind.MDEV else None
    found = host.devices.get(parent.device) if parent is not None and parent.device is not None else None
    return found if found is not None else device


def _held(devices: Iterable[Device]) -> int:
    return sum(device.held for device in devices)


_BUILD = {View.DEVICES: _devices, View.GROUPS: _groups, View.HOLDERS: _holders, View.NUMA: _numa}
