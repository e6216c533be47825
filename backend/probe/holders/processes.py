"""Holders that are processes: open VFIO, UIO, RDMA, DRM and block device descriptors."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass, field

from backend.host.doors import Directory, Files, Processes
from backend.model.holder import Holder, HolderKind
from backend.model.text import clean
from backend.probe.holders.findings import Found
from backend.probe.holders.vmm import assigned_devices, is_service, is_vmm, vm_name
from backend.probe.surroundings import block_owners, listing, owner_of

_INTERESTING = ("/dev/vfio/", "anon_inode:[vfio-device]", "/dev/uio", "/dev/infiniband/", "/dev/dri/")
_BLOCK = re.compile(r"/dev/(nvme\d+n\d+|sd[a-z]+|vd[a-z]+)(p?\d+)?\Z", re.ASCII)
_MAPPED_NODE = re.compile(rb"/dev/vfio/devices/(vfio\d+)", re.ASCII)


@dataclass(slots=True)
class ProcessHolders:
    """What a look through all processes found."""

    found: list[Found] = field(default_factory=list)
    hidden: int = 0
    """Processes whose descriptors this user may not see; kernel threads left out."""


@dataclass(slots=True)
class _Descriptors:
    """The descriptors of one process that matter."""

    groups: set[str] = field(default_factory=set)
    nodes: set[str] = field(default_factory=set)
    device_fds: list[str] = field(default_factory=list)
    others: set[str] = field(default_factory=set)

    def __bool__(self) -> bool:
        return bool(self.groups or self.nodes or self.device_fds or self.others)


def scan_processes(files: Files, processes: Processes) -> ProcessHolders:
    """Return the holders among all processes that can be looked into."""
    result = ProcessHolders()
    for pid in processes.pids():
        try:
            with files.open_dir(f"/proc/{pid}/fd") as directory:
                descriptors = _interesting(directory)
        except PermissionError:
            argv = _argv(files, pid)
            if argv:
                result.hidden += 1
                result.found += _from_command_line(processes, pid, argv)
            continue
        except OSError:
            continue
        if descriptors:
            result.found += _holdings(files, processes, pid, descriptors)
    return result


def _interesting(directory: Directory) -> _Descriptors:
    found = _Descriptors()
    for name in directory.list():
        try:
            target = directory.readlink(name)
        except OSError:
            continue
        if not target.startswith(("/dev/", "anon_inode:[vfio")):
            continue
        if target.startswith("/dev/vfio/devices/"):
            found.nodes.add(target[18:])
        elif target.startswith("/dev/vfio/"):
            group = target[10:].removeprefix("noiommu-")
            if group.isdecimal():
                found.groups.add(group)
        elif target.startswith("anon_inode:[vfio-device]"):
            found.device_fds.append(name)
        elif target.startswith(_INTERESTING) or _BLOCK.match(target):
            found.others.add(target)
    return found


def _argv(files: Files, pid: int) -> list[str]:
    """Return the command line; empty for kernel threads and for what is gone or hidden."""
    try:
        raw = files.read(f"/proc/{pid}/cmdline", 262144)
    except OSError:
        return []
    return [word.decode("utf-8", "backslashreplace") for word in raw.split(b"\0") if word]


def _holder(processes: Processes, pid: int, argv: Sequence[str], via: str) -> Holder | None:
    try:
        process = processes.describe(pid)
    except ProcessLookupError:
        return None
    except PermissionError:
        program = clean(argv[0].rpartition("/")[2] if argv else "", 64) or f"pid {pid}"
        kind = HolderKind.VM if is_vmm(program, argv) else HolderKind.PROCESS
        return Holder(kind, clean(vm_name(program, argv), 128), pid, via=via)
    argv = process.argv or argv
    if is_vmm(process.name, argv):
        kind, name = HolderKind.VM, vm_name(process.name, argv)
    else:
        kind, name = HolderKind.SERVICE if is_service(process.name) else HolderKind.PROCESS, process.name
    return Holder(
        kind, clean(name, 128), pid, process.start_time, clean(process.user, 64), via, clean(process.name, 64)
    )


def _from_command_line(processes: Processes, pid: int, argv: Sequence[str]) -> list[Found]:
    """Return what a VMM whose descriptors are hidden was started with."""
    if not is_vmm(argv[0].rpartition("/")[2], argv):
        return []
    devices = set(assigned_devices(argv))
    holder = _holder(processes, pid, argv, "cmdline") if devices else None
    return [] if holder is None else [Found(f"device:{device}", holder) for device in sorted(devices)]


def _holdings(files: Files, processes: Processes, pid: int, descriptors: _Descriptors) -> list[Found]:
    found: list[Found] = []

    def add(target: str, via: str, mapped: bool | None = None) -> None:
        holder = _holder(processes, pid, (), via)
        if holder is not None:
            found.append(Found(target, holder, mapped))

    mappings = _read_maps(files, pid) if descriptors.groups or descriptors.nodes or descriptors.device_fds else None
    for node in sorted(descriptors.nodes):
        add(f"node:{node}", f"/dev/vfio/devices/{node}", None if mappings is None else node in mappings.nodes)
    exact, unknown_fds = _device_descriptors(files, pid, descriptors.device_fds)
    inodes = mappings.inodes if mappings is not None else frozenset()
    for device, inode in sorted(exact.items()):
        add(f"device:{device}", "fdinfo", None if mappings is None else inode in inodes)
    fds = len(exact) + len(unknown_fds)
    for group in sorted(descriptors.groups, key=int):
        add(f"group:{group}", f"/dev/vfio/{group}", _group_mapped(mappings, fds))
    for target in sorted(descriptors.others):
        for device in _devices_of_node(files, target):
            add(f"device:{device}", target)
    return found


@dataclass(frozen=True, slots=True)
class _Mappings:
    nodes: frozenset[str]
    inodes: frozenset[str]
    """Inodes of mapped ``anon_inode:[vfio-device]`` files."""


def _read_maps(files: Files, pid: int) -> _Mappings | None:
    """Return what of VFIO devices is mapped into a process; None when its maps are hidden."""
    try:
        text = files.read(f"/proc/{pid}/maps", 64 << 20)
    except OSError:
        return None
    inodes = set()
    for line in text.splitlines():
        if b"[vfio-device]" in line:
            inodes.add(line.split()[4].decode("ascii", "replace"))
    return _Mappings(frozenset(m.decode() for m in _MAPPED_NODE.findall(text)), frozenset(inodes))


def _group_mapped(mappings: _Mappings | None, device_fds: int) -> bool | None:
    """Return whether a device opened through its group is mapped, where that can be told.

    All devices of a process may share one inode: then no mapping at all means that none is mapped, and
    with a single open device any mapping is its own. Kernels that give each device an inode are told by
    as many mapped inodes as open devices.
    """
    if mappings is None:
        return None
    if not mappings.inodes:
        return False
    if device_fds <= 1 or len(mappings.inodes) >= device_fds:
        return True
    return None


def _device_descriptors(files: Files, pid: int, names: Sequence[str]) -> tuple[dict[str, str], list[str]]:
    """Return device → inode for descriptors whose fdinfo names the device, and those without a name."""
    exact: dict[str, str] = {}
    unknown: list[str] = []
    for name in names:
        try:
            info = files.read(f"/proc/{pid}/fdinfo/{name}", 4096).decode("utf-8", "replace")
        except OSError:
            unknown.append(name)
            continue
        fields = dict(line.split(":", 1) for line in info.splitlines() if ":" in line)
        path = fields.get("vfio-device-syspath", "").strip()
        if path:
            exact[clean(path.rpartition("/")[2], 64)] = fields.get("ino", "").strip()
        else:
            unknown.append(name)
    return exact, unknown


_CLASSES = (
    ("/dev/uio", "/sys/class/uio"),
    ("/dev/infiniband/uverbs", "/sys/class/infiniband_verbs"),
    ("/dev/dri/", "/sys/class/drm"),
)


def _devices_of_node(files: Files, node: str) -> tuple[str, ...]:
    """Return the PCI functions behind a character or block device node."""
    name = node.rpartition("/")[2]
    block = _BLOCK.match(node)
    if block:
        try:
            return block_owners(files, files.readlink(f"/sys/block/{block[1]}"))
        except OSError:
            return ()
    for prefix, class_path in _CLASSES:
        if node.startswith(prefix) and name in listing(files, class_path):
            try:
                owner = owner_of(files.readlink(f"{class_path}/{name}"))
            except OSError:
                return ()
            return (owner,) if owner else ()
    return ()
