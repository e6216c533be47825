"""What must be known before a single device can be read: who is bound to what, by inverse listings.

Listing a driver's devices once costs a twentieth of asking each device for its driver; the same holds for
network interfaces, block devices and VFIO nodes.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field, replace
from typing import NamedTuple

from backend.host.doors import Directory, Files
from backend.model.ids import PciAddress
from backend.model.steps import Steps
from backend.model.text import clean
from backend.probe.names import PciNames

_PCI_NAME = re.compile(r"[0-9a-f]{4,8}:[0-9a-f]{2}:[01][0-9a-f]\.[0-7]", re.ASCII)


@dataclass(frozen=True, slots=True)
class VfIdentity:
    """What a PF tells of one of its VFs."""

    id: PciAddress
    """The very object that the PF has: an address is kept once, not once for each who names it."""
    pf: str
    index: int | None
    path: str
    root_port: PciAddress | None


class PciIds(NamedTuple):
    """What ``modalias`` tells of a function; hex digits in lower case."""

    vendor: str
    device: str
    subsystem: str
    class_code: str
    name: str
    """Product name from pci.ids, or ""."""


@dataclass(slots=True)
class Surroundings:
    """Lookups for one pass over the devices."""

    drivers: Mapping[str, str]
    """Device name → driver, for PCI functions and mdevs."""
    netdevs: Mapping[str, tuple[str, ...]]
    """PCI function or mdev → its network interfaces that are visible here."""
    blocks: Mapping[str, tuple[str, ...]]
    """PCI function → its block devices, partitions left out."""
    vfio_nodes: Mapping[str, str]
    """Device name → vfioN."""
    vfio_classes: bool
    """Whether this kernel has the vfio-dev class at all (6.1 and later)."""
    group_nodes: frozenset[str]
    """Names in /dev/vfio."""
    cdev_nodes: frozenset[str]
    """Names in /dev/vfio/devices."""
    has_groups: bool
    definitions: frozenset[str] | None
    """UUIDs that mdevctl keeps a definition of; None when its files cannot be listed."""
    names: PciNames
    iommu_units: Mapping[str, str]
    """PCI function → the IOMMU unit that translates for it."""
    full: bool = False
    """Whether to read of each VF what only a detail or an audit asks for."""
    virtual_functions: dict[str, VfIdentity] = field(default_factory=dict)
    """VF → who it is: filled while PFs are read, which come first in order of address."""
    known_ids: dict[bytes, PciIds] = field(default_factory=dict)
    """``modalias`` → what it says; all VFs of a PF say the same."""


def read_surroundings(files: Files, names: PciNames, *, full: bool = False) -> Steps[Surroundings]:
    """Return the lookups for a pass, in steps. What cannot be listed is empty."""
    vfio_nodes = yield from _by_device(files, "/sys/class/vfio-dev")
    netdevs = yield from _by_device(files, "/sys/class/net")
    drivers = yield from _read_drivers(files, "pci")
    drivers |= yield from _read_drivers(files, "mdev")
    return Surroundings(
        drivers=drivers,
        netdevs=netdevs,
        blocks=read_blocks(files),
        vfio_nodes={device: nodes[0] for device, nodes in vfio_nodes.items()},
        vfio_classes="vfio-dev" in listing(files, "/sys/class"),
        group_nodes=frozenset(listing(files, "/dev/vfio")),
        cdev_nodes=frozenset(listing(files, "/dev/vfio/devices")),
        has_groups=bool(listing(files, "/sys/kernel/iommu_groups")),
        definitions=read_definitions(files),
        names=names,
        iommu_units=(yield from _iommu_units(files)),
        full=full,
    )


def _iommu_units(files: Files) -> Steps[dict[str, str]]:
    units: dict[str, str] = {}
    root = "/sys/class/iommu"
    for unit in listing(files, root):
        units |= dict.fromkeys(listing(files, f"{root}/{unit}/devices"), clean(unit, 64))
        yield
    return units


def listing(files: Files, path: str) -> list[str]:
    """Return the names in a directory; none when it is not there or closed."""
    try:
        return files.list(path)
    except OSError:
        return []


def read_definitions(files: Files) -> frozenset[str] | None:
    """Return the UUIDs of the mdevs that mdevctl starts, whatever their parent."""
    root = "/etc/mdevctl.d"
    try:
        parents = files.list(root)
    except OSError:
        return None
    return frozenset(uuid for parent in parents for uuid in listing(files, f"{root}/{parent}"))


def _read_drivers(files: Files, bus: str) -> Steps[dict[str, str]]:
    """Return device name → driver for everything bound on a bus."""
    bound: dict[str, str] = {}
    root = f"/sys/bus/{bus}/drivers"
    for driver in listing(files, root):
        label = clean(driver, 64)
        for name in listing(files, f"{root}/{driver}"):
            # A driver's directory holds its devices among bind, unbind, module and the like.
            if "-" in name or ":" in name:
                bound[name] = label
        yield
    return bound


def owner_of(target: str) -> str:
    """Return the device that a link into /sys/devices belongs to: its deepest PCI function, or ""."""
    for part in reversed(target.split("/")):
        if len(part) >= 12 and part[-2] == "." and _PCI_NAME.fullmatch(part):
            return part
    return ""


def _by_device(files: Files, path: str) -> Steps[dict[str, tuple[str, ...]]]:
    """Return device → names of a class directory, for what has a PCI function or mdev behind it.

    A class entry lies at ``.../DEVICE/CLASS/NAME``, or at ``.../DEVICE/virtioN/CLASS/NAME``.
    """
    found: dict[str, tuple[str, ...]] = {}
    try:
        directory = files.open_dir(path)
    except OSError:
        return found
    with directory:
        for name in sorted(listing(files, path)):
            yield
            try:
                target = directory.readlink(name)
            except OSError:
                continue
            parts = target.rsplit("/", 4)
            if len(parts) < 5:
                continue
            device = parts[1] if parts[2].startswith("virtio") else parts[2]
            if "-" in device or ":" in device:
                found[device] = (*found.get(device, ()), clean(name, 64))
    return found


def read_blocks(files: Files) -> dict[str, tuple[str, ...]]:
    """Return PCI function → whole block devices on it, through NVMe multipath heads too."""
    found: dict[str, tuple[str, ...]] = {}
    root = "/sys/block"
    for name in sorted(listing(files, root)):
        try:
            target = files.readlink(f"{root}/{name}")
        except OSError:
            continue
        for owner in block_owners(files, target):
            found[owner] = (*found.get(owner, ()), clean(name, 64))
    return found


def owned_disks(files: Files) -> Iterator[tuple[str, tuple[str, ...]]]:
    """Yield the disks that lie on PCI functions, each with those."""
    for disk in sorted(listing(files, "/sys/block")):
        try:
            owners = block_owners(files, files.readlink(f"/sys/block/{disk}"))
        except OSError:
            continue
        if owners:
            yield disk, owners


def block_owners(files: Files, target: str) -> tuple[str, ...]:
    """Return the PCI functions that the block device at ``target`` lies on; none for a virtual one."""
    head = target.partition("/virtual/nvme-subsystem/")[2].partition("/")[0]
    if not head:
        owner = owner_of(target)
        return (owner,) if owner else ()
    owners = []
    subsystem = f"/sys/devices/virtual/nvme-subsystem/{head}"
    for name in listing(files, subsystem):
        try:
            owners.append(owner_of(files.readlink(f"{subsystem}/{name}")))
        except OSError:
            continue
    return tuple(sorted({owner for owner in owners if owner}))


def surroundings_of(files: Files, names: PciNames, devices: Iterable[str], *, has_groups: bool) -> Steps[Surroundings]:
    """Return the lookups for a few devices only, in steps: a handful of reads each instead of every listing."""
    around = Surroundings(
        drivers={},
        netdevs={},
        blocks=read_blocks(files),
        vfio_nodes={},
        vfio_classes="vfio-dev" in listing(files, "/sys/class"),
        group_nodes=frozenset(listing(files, "/dev/vfio")),
        cdev_nodes=frozenset(listing(files, "/dev/vfio/devices")),
        has_groups=has_groups,
        definitions=read_definitions(files),
        names=names,
        iommu_units={},
    )
    drivers: dict[str, str] = {}
    units: dict[str, str] = {}
    netdevs: dict[str, tuple[str, ...]] = {}
    nodes: dict[str, str] = {}
    for name in devices:
        yield
        bus = "pci" if ":" in name else "mdev"
        try:
            directory = files.open_dir(f"/sys/bus/{bus}/devices/{name}")
        except OSError:
            continue
        with directory:
            driver = _last(directory, "driver")
            if driver:
                drivers[name] = clean(driver, 64)
            interfaces = _names(directory, "net") or _virtio_interfaces(directory, driver)
            if interfaces:
                netdevs[name] = tuple(clean(interface, 64) for interface in interfaces)
            vfio = _names(directory, "vfio-dev")
            if vfio:
                nodes[name] = vfio[0]
            unit = _last(directory, "iommu") if has_groups else ""
            if unit:
                units[name] = clean(unit, 64)
    return replace(around, drivers=drivers, netdevs=netdevs, vfio_nodes=nodes, iommu_units=units)


def _virtio_interfaces(directory: Directory, driver: str) -> list[str]:
    """Return the interfaces of a virtio function: they hang below its device on the virtio bus."""
    if driver != "virtio-pci":
        return []
    buses = [name for name in _names(directory, ".") if name.startswith("virtio")]
    return [interface for bus in buses for interface in _names(directory, f"{bus}/net")]


def _last(directory: Directory, name: str) -> str:
    try:
        return directory.readlink(name).rpartition("/")[2]
    except OSError:
        return ""


def _names(directory: Directory, name: str) -> list[str]:
    try:
        return sorted(directory.list(name))
    except OSError:
        return []
