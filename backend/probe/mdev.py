"""mdevs, their parents and types."""

from __future__ import annotations

import contextlib

from backend.host.doors import Directory, Files
from backend.model.device import DataPath, Device, DeviceKind
from backend.model.facts import FactState, Note
from backend.model.ids import BadIdError, GroupId, KernelName, MdevUuid, PciAddress
from backend.model.mdev import Isolation, MdevParent, MdevType
from backend.model.text import clean
from backend.probe.attributes import Attributes, VanishedError, parse_int
from backend.probe.pci import physical_path, read_group, root_port
from backend.probe.surroundings import Surroundings, listing, owner_of

BUS = "/sys/bus/mdev/devices"
PARENTS = "/sys/class/mdev_bus"

# The kernel tells what isolates an mdev only through its driver.
_ISOLATION = {
    "i915": Isolation.MEDIATED,
    "kvmgt": Isolation.MEDIATED,
    "mtty": Isolation.MEDIATED,
    "mdpy": Isolation.MEDIATED,
    "mbochs": Isolation.MEDIATED,
    "vfio_ap": Isolation.MEDIATED,
    "vfio_ccw": Isolation.MEDIATED,
}


def list_mdevs(files: Files) -> list[MdevUuid]:
    """Return the UUIDs of all mdevs, sorted."""
    found = []
    for name in sorted(listing(files, BUS)):
        try:
            found.append(MdevUuid.parse(name))
        except BadIdError:
            continue
    return found


def read_mdev(files: Files, around: Surroundings, uuid: MdevUuid) -> Device | None:
    """Return one mdev, or None when it is gone."""
    try:
        path = physical_path(files.readlink(f"{BUS}/{uuid}"))
        with files.open_dir(f"{BUS}/{uuid}") as directory:
            return _read(directory, around, uuid, path, _node_of_parent(files, path))
    except (OSError, VanishedError):
        return None


def _node_of_parent(files: Files, path: str) -> int | None:
    """Return the NUMA node that an mdev takes over from its parent; virtual parents have none."""
    try:
        node = parse_int(files.read(f"/sys{path.rpartition('/')[0]}/numa_node"))
    except (OSError, ValueError):
        return None
    return node if node >= 0 else None


def _read(directory: Directory, around: Surroundings, uuid: MdevUuid, path: str, numa: int | None) -> Device:
    attributes = Attributes(directory)
    driver = around.drivers.get(uuid, "")
    type_id = attributes.link("mdev_type", "mdev_type") or ""
    group = read_group(attributes)
    node = around.vfio_nodes.get(uuid)
    label = attributes.text("mdev_type/name", "name") or ""
    # Read last: what can still be opened was whole until now.
    directory.list()
    return Device(
        id=uuid,
        kind=DeviceKind.MDEV,
        sysfs=path,
        driver=driver,
        path=DataPath.READY if driver else DataPath.IDLE,
        group=group,
        numa=numa,
        root_port=root_port(path),
        parent=clean(path.rpartition("/")[0].rpartition("/")[2], 128),
        name=label,
        vfio=bool(driver),
        vfio_node=f"/dev/vfio/devices/{node}" if node in around.cdev_nodes else "",
        group_node=_group_node(around, group),
        netdevs=around.netdevs.get(uuid, ()),
        mdev_type=clean(type_id, 128),
        defined=None if around.definitions is None else uuid in around.definitions,
        notes=attributes.notes,
    )


def _group_node(around: Surroundings, group: GroupId | None) -> str:
    name = "" if group is None else str(int(group))
    return f"/dev/vfio/{name}" if name in around.group_nodes else ""


def read_parents(files: Files) -> dict[str, MdevParent]:
    """Return every mdev parent by name. The class is absent until there is one."""
    parents = {}
    for name in sorted(listing(files, PARENTS)):
        parent = read_parent(files, name)
        if parent is not None:
            parents[parent.name] = parent
    return parents


def read_parent(files: Files, name: str) -> MdevParent | None:
    """Return one parent with its types, or None when it is gone."""
    try:
        target = files.readlink(f"{PARENTS}/{name}")
        with files.open_dir(f"{PARENTS}/{name}/mdev_supported_types") as types:
            names = sorted(types.list())
    except OSError:
        return None
    notes: dict[str, Note] = {}
    found = []
    for type_name in names:
        try:
            KernelName.parse(type_name)
        except BadIdError as error:
            notes["types"] = Note(FactState.UNKNOWN, str(error))
        mdev_type = _read_type(files, name, type_name)
        if mdev_type is not None:
            found.append(mdev_type)
    path = physical_path(target)
    device = owner_of(path) if name == owner_of(path) else ""
    return MdevParent(
        name=clean(name, 128),
        sysfs=path,
        device=PciAddress(device) if device else None,
        isolation=_isolation(files, name, found),
        types=tuple(found),
        notes=notes,
    )


def _read_type(files: Files, parent: str, name: str) -> MdevType | None:
    try:
        with files.open_dir(f"{PARENTS}/{parent}/mdev_supported_types/{name}") as directory:
            attributes = Attributes(directory)
            uuids = []
            for uuid in attributes.names("devices", "types"):
                try:
                    uuids.append(MdevUuid.parse(uuid))
                except BadIdError:
                    continue
            return MdevType(
                id=clean(name, 128),
                name=attributes.text("name", "types") or clean(name, 128),
                description=attributes.text("description", "types") or "",
                device_api=attributes.text("device_api", "types") or "",
                available=attributes.number("available_instances", "types"),
                instances=tuple(uuids),
            )
    except (OSError, VanishedError):
        return None


def _isolation(files: Files, name: str, types: list[MdevType]) -> Isolation:
    candidates = [mdev_type.id.partition("-")[0] for mdev_type in types]
    with contextlib.suppress(OSError):
        candidates.append(files.readlink(f"{PARENTS}/{name}/driver").rpartition("/")[2])
    for candidate in candidates:
        if candidate in _ISOLATION:
            return _ISOLATION[candidate]
    return Isolation.UNKNOWN
