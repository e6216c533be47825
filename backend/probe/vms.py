"""VMs by their processes: command line, memory, limits. Nothing is asked of the VMM itself.

May block as long as a process does that is stuck in the kernel: run it where the look for holders runs.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field

from backend.host.doors import Files, Process, Processes
from backend.model.facts import FactState, Note
from backend.model.text import clean
from backend.model.vm import Vm, VmDevice, VmManager
from backend.probe.attributes import note_of
from backend.probe.holders.vmm import device_named, is_qemu, is_vmm, options, vm_name

_UNITS = {"": 20, "b": 0, "k": 10, "m": 20, "g": 30, "t": 40}
_SIZE = re.compile(r"(\d+)([bkmgt]?)(?:i?b)?\Z", re.ASCII | re.IGNORECASE)
_CAP_IPC_LOCK = 1 << 14
_ALL_USERS = [b"0", b"0", b"4294967295"]
"""The map of users of the first user namespace."""
_STATUS = {"locked": b"VmLck:", "pinned": b"VmPin:"}


def read_vm(files: Files, processes: Processes, pid: int, argv: Sequence[str]) -> Vm | None:
    """Return the VM that process ``pid`` with this command line runs; None when it runs none, or has gone."""
    program = argv[0].rpartition("/")[2] if argv else ""
    if not is_vmm(program, argv):
        return None
    try:
        process = processes.describe(pid)
    except PermissionError:
        process = Process(pid, program, argv, None, "", 0.0)
    except OSError:
        return None
    line = parse_command_line(argv)
    notes: dict[str, Note] = {}
    status = _status(files, pid, notes)
    memory = _memory(status)
    return Vm(
        pid=pid,
        start_time=process.start_time,
        name=clean(vm_name(program, argv), 128),
        program=clean(program, 64),
        qemu=is_qemu(program),
        manager=_manager(files, pid, argv),
        user=clean(process.user, 64),
        uid=process.uid,
        uuid=line.uuid,
        machine=line.machine,
        accel=line.accel,
        memory=line.memory,
        vcpus=line.vcpus,
        monitors=tuple(dict.fromkeys(line.monitors)),
        incoming=line.incoming,
        locked=memory.get("locked"),
        pinned=memory.get("pinned"),
        lock_limit=None if _locks_without_limit(files, pid, status) else _lock_limit(files, pid, notes),
        devices=tuple(line.devices),
        notes=notes,
    )


def _status(files: Files, pid: int, notes: dict[str, Note]) -> bytes:
    path = f"/proc/{pid}/status"
    try:
        return files.read(path)
    except OSError as error:
        notes |= dict.fromkeys(_STATUS, note_of(error, path))
        return b""


def _memory(status: bytes) -> dict[str, int]:
    found = {}
    for line in status.splitlines():
        for name, prefix in _STATUS.items():
            if line.startswith(prefix):
                found[name] = int(line.split()[1]) * 1024
    return found


def _locks_without_limit(files: Files, pid: int, status: bytes) -> bool:
    """Tell whether the kernel does not hold a process to its limit: it may CAP_IPC_LOCK outside of user namespaces.

    Source: drivers/vfio/vfio_iommu_type1.c (lock_cap), drivers/iommu/iommufd/pages.c (IOPT_PAGES_ACCOUNT_NONE).
    """
    line = next((line for line in status.splitlines() if line.startswith(b"CapEff:")), b"CapEff: 0")
    if not int(line.split()[1], 16) & _CAP_IPC_LOCK:
        return False
    try:
        return files.read(f"/proc/{pid}/uid_map", 128).split() == _ALL_USERS
    except FileNotFoundError:
        return True  # a kernel without user namespaces
    except OSError:
        return False


def _lock_limit(files: Files, pid: int, notes: dict[str, Note]) -> int | None:
    path = f"/proc/{pid}/limits"
    try:
        text = files.read(path).decode("ascii", "replace")
    except OSError as error:
        notes["lock_limit"] = note_of(error, path)
        return None
    for line in text.splitlines():
        if line.startswith("Max locked memory"):
            soft = line[len("Max locked memory") :].split()[0]
            return int(soft) if soft.isdecimal() else None
    notes["lock_limit"] = Note(FactState.UNKNOWN, f"{path} has no line for it")
    return None


def _manager(files: Files, pid: int, argv: Sequence[str]) -> VmManager:
    if any("/var/run/qemu-server/" in word or "/run/qemu-server/" in word for word in argv):
        return VmManager.PROXMOX
    if any(word.startswith("guest=") for word in argv) and any("charmonitor" in word for word in argv):
        return VmManager.LIBVIRT
    try:
        group = files.read(f"/proc/{pid}/cgroup", 4096)
    except OSError:
        group = b""
    return VmManager.LIBVIRT if b"/machine.slice/machine-qemu" in group else VmManager.NONE


@dataclass(slots=True)
class CommandLine:
    """What QEMU's command line says. Texts are cleaned."""

    uuid: str = ""
    machine: str = ""
    accel: str = ""
    memory: int | None = None
    vcpus: int | None = None
    monitors: list[str] = field(default_factory=list)
    incoming: bool = False
    devices: list[VmDevice] = field(default_factory=list)


def parse_command_line(argv: Sequence[str]) -> CommandLine:
    """Return what a QEMU command line says; what cannot be understood is left out."""
    found = CommandLine()
    sockets: dict[str, str] = {}
    controls: list[str] = []
    for option, value in options(argv):
        name = option.lstrip("-")
        first, fields = _fields(value)
        if name == "uuid":
            found.uuid = clean(value, 36)
        elif name == "smbios" and not found.uuid:
            found.uuid = clean(fields.get("uuid", ""), 36)
        elif name in ("M", "machine"):
            found.machine = clean(fields.get("type", first), 64)
            found.accel = clean(fields.get("accel", found.accel), 32)
        elif name == "accel":
            found.accel = clean(fields.get("accel", first), 32)
        elif name == "m":
            found.memory = _size(fields.get("size", first))
        elif name == "smp":
            found.vcpus = _count(fields.get("cpus", first))
        elif name == "incoming":
            found.incoming = True
        elif name == "qmp" and first.startswith("unix:"):
            found.monitors.append(first[5:])
        elif name == "chardev" and first == "socket" and "path" in fields:
            sockets[fields.get("id", "")] = fields["path"]
        elif name == "mon" and fields.get("mode") == "control":
            controls.append(fields.get("chardev", first))
        elif name == "device":
            found.devices += _device(value)
    found.monitors += [sockets[name] for name in controls if name in sockets]
    if "enable-kvm" in (word.lstrip("-") for word in argv):
        found.accel = "kvm"
    return found


def _fields(value: str) -> tuple[str, Mapping[str, str]]:
    """Return the first part where it has no key, and the parts that have one."""
    if value.startswith("{"):
        return "", _json_fields(value)
    parts = [part.partition("=") for part in value.split(",")]
    first = "" if parts[0][1] else parts[0][0]
    return first, {key: text for key, separator, text in parts if separator}


def _json_fields(value: str) -> Mapping[str, str]:
    try:
        found = json.loads(value)
    except (ValueError, RecursionError):
        return {}
    if not isinstance(found, dict):
        return {}
    return {str(key): _word(item) for key, item in found.items()}


def _word(value: object) -> str:
    return ("on" if value else "off") if isinstance(value, bool) else str(value)


def _device(value: str) -> Iterator[VmDevice]:
    driver, fields = _fields(value)
    if not fields.get("driver", driver).startswith("vfio"):
        return
    device = next((name for key in ("host", "sysfsdev") if (name := device_named(fields.get(key, "")))), "")
    if device:
        yield VmDevice(
            device,
            clean(fields.get("id", ""), 64),
            clean(fields.get("bus", ""), 64),
            fields.get("x-no-mmap") in ("on", "true", "yes"),
            clean(fields.get("enable-migration", "auto"), 8),
            bool(fields.get("iommufd")),
        )


def _size(text: str) -> int | None:
    """Return bytes of ``4096``, ``4G``, ``size=8388608k``: MiB where no unit is given."""
    match = _SIZE.match(text)
    return int(match[1]) << _UNITS[match[2].lower()] if match else None


def _count(text: str) -> int | None:
    return int(text) if text.isdecimal() and len(text) < 6 else None
