"""Holders that are processes: open VFIO, UIO, RDMA, DRM and block device descriptors."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass, field

from backend.host.doors import Directory, Files, Processes
from backend.model.holder import Holder, HolderKind
from backend.model.steps import Steps
from backend.model.text import clean
from backend.model.vm import Vm
from backend.probe.holders.findings import Found
from backend.probe.holders.vmm import assigned_devices, is_service, is_vmm, vm_name
from backend.probe.surroundings import block_owners, listing, owner_of
from backend.probe.vms import read_vm

_INTERESTING = ("/dev/vfio/", "anon_inode:[vfio-device]", "/dev/uio", "/dev/infiniband/", "/dev/dri/")
_BLOCK = re.compile(r"/dev/(nvme\d+n\d+|sd[a-z]+|vd[a-z]+)(p?\d+)?\Z", re.ASCII)
_MAPPED_NODE = re.compile(rb"/dev/vfio/devices/(vfio\d+)", re.ASCII)


@dataclass(slots=True)
class ProcessHolders:
    """What a look through all processes found."""

    found: list[Found] = field(default_factory=list)
    vms: list[Vm] = field(default_factory=list)
    hidden: int = 0
    """Processes whose descriptors this user may not see; kernel threads left out."""

    def add_vm(self, files: Files, processes: Processes, pid: int, argv: Sequence[str]) -> None:
        """Note the VM that a process runs, if it runs one."""
        vm = read_vm(files, processes, pid, argv)
        if vm is not None:
            self.vms.append(vm)


@dataclass(slots=True)
class _Descriptors:
    """The descriptors of one process that matter."""

    groups: set[str] = field(default_factory=set)
    nodes: set[str] = field(default_factory=set)
    device_fds: list[str] = field(default_factory=list)
    others: set[str] = field(default_factory=set)

    def __bool__(self) -> bool:
        return bool(self.groups or self.nodes or self.device_fds or self.others)


def list_pids(processes: Processes) -> Sequence[int]:
    """Return the ids of all processes; none where they cannot be listed."""
    try:
        return processes.pids()
    except OSError:
        return ()


def scan_processes(files: Files, processes: Processes) -> Steps[ProcessHolders]:
    """Return the holders among all processes that can be looked into, one process a step."""
    result = ProcessHolders()
    for pid in list_pids(processes):
        yield
        try:
            with files.open_dir(f"/proc/{pid}/fd") as directory:
                descriptors = _interesting(directory)
        except PermissionError:
            argv = _argv(files, pid)
            if argv:
                result.hidden += 1
                result.add_vm(files, processes, pid, argv)
                result.found += _from_command_line(processes, pid, argv)
            continue
        except OSError:
            continue
        if descriptors:
            result.found += _holdings(files, processes, pid, descriptors)
        if descriptors or is_vmm(_comm(files, pid), ()):
            result.add_vm(files, processes, pid, _argv(files, pid))
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


def _comm(files: Files, pid: int) -> str:
    try:
        return files.read(f"/proc/{pid}/comm", 64).decode("utf-8", "replace").strip()
    except OSError:
        return ""


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
    except OSError:
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
    exact = _device_descriptors(files, pid, descriptors.device_fds)
    for device in sorted(exact):
        add(f"device:{device}", "fdinfo", _is_mapped(mappings, alone=len(exact) == 1))
    for group in sorted(descriptors.groups, key=int):
        alone = len(descriptors.groups) == 1 and len(exact) < 2
        add(f"group:{group}", f"/dev/vfio/{group}", _is_mapped(mappings, alone=alone))
    for target in sorted(descriptors.others):
        for device in _devices_of_node(files, target):
            add(f"device:{device}", target)
    return found


@dataclass(frozen=True, slots=True)
class _Mappings:
    nodes: frozenset[str]
    """Names of the VFIO character devices that are mapped."""
    anonymous: bool
    """Whether anything of a device that was opened through its group is mapped."""


def _read_maps(files: Files, pid: int) -> _Mappings | None:
    """Return what of VFIO devices is mapped into a process; None when its maps are hidden."""
    try:
        text = files.read(f"/proc/{pid}/maps", 64 << 20)
    except OSError:
        return None
    nodes = frozenset(name.decode() for name in _MAPPED_NODE.findall(text))
    return _Mappings(nodes, b"anon_inode:[vfio-device]" in text)


def _is_mapped(mappings: _Mappings | None, *, alone: bool) -> bool | None:
    """Return whether a device that was opened through its group is mapped, where that can be told.

    All devices that are opened so share one inode, in all processes: no mapping at all means that none is
    mapped; a mapping belongs to the device for sure only when it is the process's only one.
    """
    if mappings is None:
        return None
    if not mappings.anonymous:
        return False
    return True if alone else None


def _device_descriptors(files: Files, pid: int, names: Sequence[str]) -> set[str]:
    """Return the devices that the fdinfo of these descriptors names; older kernels name none."""
    devices = set()
    for name in names:
        try:
            info = files.read(f"/proc/{pid}/fdinfo/{name}", 4096).decode("utf-8", "replace")
        except OSError:
            continue
        fields = dict(line.split(":", 1) for line in info.splitlines() if ":" in line)
        path = fields.get("vfio-device-syspath", "").strip()
        if path:
            devices.add(clean(path.rpartition("/")[2], 64))
    return devices


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
