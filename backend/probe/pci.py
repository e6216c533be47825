"""PCI functions: PFs, VFs and plain functions as records, holders not yet known."""

from __future__ import annotations

from contextlib import suppress
from operator import itemgetter

from backend.host.doors import Directory, Files
from backend.model.device import DataPath, Device, DeviceKind, Link
from backend.model.facts import FactState, Note
from backend.model.holder import Holder, HolderKind
from backend.model.ids import BadIdError, GroupId, PciAddress, id_order
from backend.model.steps import Steps, batches
from backend.model.text import clean
from backend.probe.attributes import Attributes, VanishedError
from backend.probe.pci_ids import read_ids
from backend.probe.sriov import read_sriov, virtual_functions
from backend.probe.surroundings import PciIds, Surroundings, VfIdentity, listing
from backend.probe.vgpu import read_vendor_vgpu

BUS = "/sys/bus/pci/devices"

_OPENED = (Holder(HolderKind.UNSEEN, "somebody", via="enable", detail="the device is open"),)
_LEAVING = (
    Holder(HolderKind.UNSEEN, "somebody", via="enable", detail="unbound while open: the kernel waits for its user"),
)
_SLEEPS = Note(
    FactState.UNKNOWN,
    "enable is not 0 though the device sleeps: left over from an earlier driver, or its user let it sleep",
)
_OPENED_PATH = Note(FactState.HIDDEN, "whether its regions are mapped into the holder needs root")
_MOVED = (
    Holder(HolderKind.NETNS, "another network namespace", via="net/ empty", detail="its interface was moved away"),
)

CORE_SUFFIX = ("vfio-pci", "vfio_pci")
"""Drivers built on vfio-pci-core: they enable the function when it is opened and disable it when closed."""


def list_functions(files: Files) -> Steps[list[PciAddress]]:
    """Return the addresses of all PCI functions in order, so that a PF comes before its VFs."""
    keyed = []
    for names in batches(listing(files, BUS)):
        for name in names:
            with suppress(BadIdError):
                keyed.append((id_order(name), PciAddress.parse(name)))
        yield
    return [address for _, address in sorted(keyed, key=itemgetter(0))]


def read_function(files: Files, around: Surroundings, address: PciAddress) -> Device | None:
    """Return one function, or None when it is gone. A PF fills in ``around.virtual_functions``."""
    try:
        with files.open_dir(f"{BUS}/{address}") as directory:
            known = around.virtual_functions.get(address)
            if known is not None:
                return _read_vf(directory, around, known)
            return _read_physical(files, directory, around, address)
    except VanishedError:
        return None
    except OSError:
        # Still listed but closed to us, or a dangling link: gone for all that we can say.
        return None


def read_pf(files: Files, name: str) -> str:
    """Return the PF of the VF called ``name``; "" when it is none or gone."""
    try:
        return files.readlink(f"{BUS}/{name}/physfn").rpartition("/")[2]
    except OSError:
        return ""


def _read_vf(directory: Directory, around: Surroundings, vf: VfIdentity) -> Device:
    address = vf.id
    attributes = Attributes(directory)
    driver = around.drivers.get(address, "")
    vfio, node = _vfio(around, address, driver)
    vgpu = read_vendor_vgpu(directory, attributes) if driver == "nvidia" else None
    group = read_group(attributes) if around.has_groups else None
    numa = attributes.number("numa_node", "numa")
    power = attributes.text("power/runtime_status", "power") if around.full else None
    resets = _reset_methods(attributes) if around.full else None
    # Always there and read last: when it can still be read, nothing above was half a device.
    ids = read_ids(directory, attributes, around)
    node_of_group = _group_node(around, group) if group is not None else ""
    if driver:
        holders = _holders(directory, attributes, around, address, driver, vfio, ids)
    else:
        holders = _leaving(attributes, node_of_group)
    return Device(
        id=address,
        kind=DeviceKind.VF if vgpu is None else DeviceKind.VGPU_VF,
        sysfs=vf.path,
        driver=driver,
        path=None if holders is _OPENED or holders is _LEAVING else _path(driver, vfio),
        holders=holders,
        group=group,
        numa=numa if numa is not None and numa >= 0 else None,
        root_port=vf.root_port,
        parent=vf.pf,
        index=vf.index,
        vendor=ids.vendor,
        device=ids.device,
        subsystem=ids.subsystem,
        class_code=ids.class_code,
        name=ids.name,
        vfio=vfio,
        vfio_node=node,
        group_node=node_of_group,
        netdevs=around.netdevs.get(address, ()),
        blocks=around.blocks.get(address, ()),
        iommu_unit=around.iommu_units.get(address, ""),
        power=power or "",
        reset_methods=resets,
        vgpu=vgpu,
        notes=attributes.notes,
    )


def _read_physical(files: Files, directory: Directory, around: Surroundings, address: PciAddress) -> Device:
    attributes = Attributes(directory)
    path = physical_path(files.readlink(f"{BUS}/{address}"))
    port = root_port(path)
    entries = frozenset(directory.list())
    if "physfn" in entries:
        return _read_vf(
            directory,
            around,
            VfIdentity(address, clean(attributes.link("physfn", "parent") or ""), None, path, port),
        )
    driver = around.drivers.get(address, "")
    vfio, node = _vfio(around, address, driver)
    sriov = None
    if "sriov_totalvfs" in entries:
        vfs = virtual_functions(attributes, entries)
        sriov = read_sriov(attributes, vfs, driver)
        pf, parent = str(address), path.rpartition("/")[0]
        for index, vf in vfs.items():
            around.virtual_functions[vf] = VfIdentity(vf, pf, index, f"{parent}/{vf}", port)
    group = read_group(attributes) if around.has_groups else None
    power = attributes.text("power/runtime_status", "power")
    link = _link(attributes, entries, power)
    resets = _reset_methods(attributes)
    numa = attributes.number("numa_node", "numa")
    errors = _corrected_errors(attributes) if "aer_dev_correctable" in entries else None
    ids = read_ids(directory, attributes, around)
    node_of_group = _group_node(around, group) if group is not None else ""
    if driver:
        holders = _holders(directory, attributes, around, address, driver, vfio, ids)
    elif ids.class_code.startswith("06"):
        holders = ()  # a bridge is enabled for what lies behind it
    else:
        holders = _leaving(attributes, node_of_group)
    return Device(
        id=address,
        kind=DeviceKind.FUNCTION if sriov is None else DeviceKind.PF,
        sysfs=path,
        driver=driver,
        path=None if holders is _OPENED or holders is _LEAVING else _path(driver, vfio),
        holders=holders,
        group=group,
        numa=numa if numa is not None and numa >= 0 else None,
        root_port=port,
        vendor=ids.vendor,
        device=ids.device,
        subsystem=ids.subsystem,
        class_code=ids.class_code,
        name=ids.name,
        vfio=vfio,
        vfio_node=node,
        group_node=node_of_group,
        netdevs=around.netdevs.get(address, ()),
        blocks=around.blocks.get(address, ()),
        iommu_unit=around.iommu_units.get(address, ""),
        power=power or "",
        reset_methods=resets,
        link=link,
        sriov=sriov,
        aer_correctable=errors,
        notes=attributes.notes,
    )


def _holders(
    directory: Directory,
    attributes: Attributes,
    around: Surroundings,
    address: PciAddress,
    driver: str,
    vfio: bool,
    ids: PciIds,
) -> tuple[Holder, ...]:
    """Return the holder that the device's own attributes betray, to everyone and whoever it is."""
    if vfio:
        if driver.endswith(CORE_SUFFIX) and attributes.number("enable", "holders"):
            if attributes.text("power/runtime_status", "power") == "suspended":
                attributes.note("holders", _SLEEPS)
                return ()
            attributes.note("path", _OPENED_PATH)
            return _OPENED
        return ()
    if ids.class_code.startswith("02") and address not in around.netdevs:
        try:
            return () if directory.list("net") else _MOVED
        except OSError:
            return ()
    return ()


def was_opened_or_closed(files: Files, device: Device) -> bool:
    """Return whether a device on a VFIO driver was opened or closed since its record was read: one read."""
    if not device.driver.endswith(CORE_SUFFIX) or not isinstance(device.id, PciAddress):
        return False
    try:
        is_open = files.read(f"{BUS}/{device.id}/enable", 16).strip() not in (b"", b"0")
    except OSError:
        return False
    return is_open != bool(device.holders)


def _leaving(attributes: Attributes, group_node: str) -> tuple[Holder, ...]:
    """Return the holder of a function whose VFIO driver is being unbound: the driver link goes first, then the
    kernel waits for the user; until then the function stays enabled, and its group's node stays.
    """
    if group_node and attributes.number("enable", "holders"):
        attributes.note("path", _OPENED_PATH)
        return _LEAVING
    return ()


def _vfio(around: Surroundings, name: str, driver: str) -> tuple[bool, str]:
    """Return whether a device is in VFIO mode, and the path of its character device ("" = none)."""
    node = around.vfio_nodes.get(name)
    if node is not None:
        return True, f"/dev/vfio/devices/{node}" if node in around.cdev_nodes else ""
    return not around.vfio_classes and driver.endswith(CORE_SUFFIX), ""


def _path(driver: str, vfio: bool) -> DataPath:
    if not driver:
        return DataPath.IDLE
    return DataPath.READY if vfio else DataPath.HOST


def read_group(attributes: Attributes) -> GroupId | None:
    """Return the IOMMU group of a function or mdev; None when it has none, or one whose name is no number."""
    name = attributes.link("iommu_group", "group")
    if name is None:
        return None
    try:
        return GroupId.parse(name)
    except BadIdError as error:
        attributes.note("group", Note(FactState.UNKNOWN, str(error)))
        return None


def _group_node(around: Surroundings, group: GroupId) -> str:
    if around.group_nodes:
        for name in (f"{int(group)}", f"noiommu-{int(group)}"):
            if name in around.group_nodes:
                return f"/dev/vfio/{name}"
    return ""


def _reset_methods(attributes: Attributes) -> tuple[str, ...] | None:
    text = attributes.text("reset_method", "reset_methods")
    if text is None:
        return None if "reset_methods" in attributes.notes else ()
    return tuple(text.split())


def _link(attributes: Attributes, entries: frozenset[str], power: str | None) -> Link | None:
    if "current_link_speed" not in entries:
        return None
    if power not in ("active", "unsupported"):
        attributes.note("link", Note(FactState.UNKNOWN, f"not read: it would wake the device ({power or 'unknown'})"))
        return None
    speed = _speed(attributes.text("current_link_speed", "link"))
    if speed is None:
        return None
    return Link(
        speed,
        attributes.number("current_link_width", "link"),
        _speed(attributes.text("max_link_speed", "link")),
        attributes.number("max_link_width", "link"),
    )


def _speed(text: str | None) -> float | None:
    """Return GT/s from ``16.0 GT/s PCIe``; None for "Unknown"."""
    try:
        return float((text or "").split(" ", 1)[0])
    except ValueError:
        return None


def _corrected_errors(attributes: Attributes) -> int | None:
    total = (attributes.text("aer_dev_correctable", "aer_correctable") or "").rpartition("TOTAL_ERR_COR")[2]
    return int(total) if total.strip().isdecimal() else None


def physical_path(target: str) -> str:
    """Return the part of a bus link's target that lies below /sys, as in ``/devices/pci0000:00/...``."""
    start = target.find("/devices/")
    return clean(target[start:]) if start >= 0 else ""


def root_port(path: str) -> PciAddress | None:
    """Return the root port above the function with this physical path; None for a root complex's own."""
    parts = path.split("/")
    if len(parts) < 5 or not parts[2].startswith("pci"):
        return None
    try:
        return PciAddress.parse(parts[3])
    except BadIdError:
        return None
