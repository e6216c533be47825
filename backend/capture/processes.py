"""The processes that hold devices, as far as a look for holders needs them."""

from __future__ import annotations

import contextlib
import errno
import re
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from backend.capture.entry import Entry, Notes
from backend.host.doors import Directory, Files, HostDoors

_HOLDS = re.compile(
    r"/dev/(vfio/.+|kvm|iommu|uio\d+|infiniband/.+|dri/.+|nvme\d+n\d+.*|sd[a-z]+\d*|vd[a-z]+\d*)|anon_inode:\[?(vfio|kvm|iommu).*"
)
_SECRET = re.compile(r"(?i)\b(password\w*|passwd|pass|secret|data|token|key\w*|psk\w*)=([^,]*)")
_STANDING: Mapping[str, tuple[bytes, ...]] = {
    "status": (b"VmLck:", b"VmPin:"),
    "limits": (b"Max locked memory",),
    "comm": (b"",),
}
"""File of a process → how the lines begin that are taken of it."""

_LIBVIRT = b"/machine.slice/machine-qemu"
"""How the control groups of libvirt's VMs begin."""

_VMM = re.compile(r"qemu|kvm|cloud-hypervisor|firecracker|crosvm|bhyve|virtualbox", re.IGNORECASE)


def record_processes(doors: HostDoors, notes: Notes) -> Iterator[Entry]:
    """Yield the entries of every process that holds a device, and of those that we may not look into.

    The first process is always there: without any, nobody could tell that holders had been looked for.
    """
    if doors.processes is None:
        return
    try:
        pids = sorted(doors.processes.pids())
    except OSError:
        return
    for pid in pids:
        try:
            with doors.files.open_dir(f"/proc/{pid}/fd") as directory:
                held = _held(directory)
        except PermissionError as error:
            yield from _hidden(doors, pid, notes, error)
            continue
        except OSError:
            continue
        wanted = held or pid == pids[0] or _is_vmm(_argv(doors.files, pid))
        if wanted and _describe(doors, pid, notes):
            yield from _entries(doors.files, pid, held, notes)


def _held(directory: Directory) -> dict[str, str]:
    found = {}
    for name in directory.list():
        try:
            target = directory.readlink(name)
        except OSError:
            continue
        if _HOLDS.fullmatch(target):
            found[name] = target
    return found


def _hidden(doors: HostDoors, pid: int, notes: Notes, error: OSError) -> Iterator[Entry]:
    """Keep that there is a process that we may not look into, and of a VMM what it was started with."""
    argv = _argv(doors.files, pid)
    if not argv:  # a kernel thread
        return
    if not _is_vmm(argv):
        argv = argv[:1]
    _describe(doors, pid, notes, argv)
    yield Entry(f"/proc/{pid}")
    yield Entry(f"/proc/{pid}/cmdline", _command_line(argv), mode=0o444)
    if _is_vmm(argv):
        yield from _standing(doors.files, pid, notes)
    yield Entry(f"/proc/{pid}/fd", mode=0o500)
    notes.errors[f"/proc/{pid}/fd"] = errno.errorcode.get(error.errno or 0, "EACCES")


def _describe(doors: HostDoors, pid: int, notes: Notes, argv: Sequence[str] | None = None) -> bool:
    assert doors.processes is not None
    try:
        process = doors.processes.describe(pid)
    except ProcessLookupError:
        return False
    except OSError:
        return True
    described: dict[str, Any] = {
        "name": process.name,
        "argv": [hide_secrets(word) for word in (process.argv if argv is None else argv)],
        "uid": process.uid,
        "user": process.user,
        "start_time": process.start_time,
    }
    notes.processes[str(pid)] = described
    return True


def _entries(files: Files, pid: int, held: dict[str, str], notes: Notes) -> Iterator[Entry]:
    yield Entry(f"/proc/{pid}")
    yield Entry(f"/proc/{pid}/cmdline", _command_line(_argv(files, pid)), mode=0o444)
    yield Entry(f"/proc/{pid}/fd", mode=0o500)
    for name, target in sorted(held.items()):
        yield Entry(f"/proc/{pid}/fd/{name}", target=target)
    yield Entry(f"/proc/{pid}/fdinfo", mode=0o555)
    for name in sorted(held):
        path = f"/proc/{pid}/fdinfo/{name}"
        try:
            yield Entry(path, files.read(path, 4096), mode=0o400)
        except OSError as error:
            notes.errors[path] = errno.errorcode.get(error.errno or 0, "EIO")
    yield from _standing(files, pid, notes)
    path = f"/proc/{pid}/maps"
    try:
        lines = [line for line in files.read(path, 64 << 20).splitlines(keepends=True) if b"vfio" in line]
        yield Entry(path, b"".join(lines), mode=0o444)
    except OSError as error:
        notes.errors[path] = errno.errorcode.get(error.errno or 0, "EIO")


def _standing(files: Files, pid: int, notes: Notes) -> Iterator[Entry]:
    """Yield of a process what memory it keeps locked, against which limit, and who manages it."""
    for name, wanted in _STANDING.items():
        path = f"/proc/{pid}/{name}"
        try:
            lines = [line for line in files.read(path).splitlines(keepends=True) if line.startswith(wanted)]
        except OSError as error:
            notes.errors[path] = errno.errorcode.get(error.errno or 0, "EIO")
        else:
            yield Entry(path, b"".join(lines), mode=0o444)
    with contextlib.suppress(OSError):
        if _LIBVIRT in files.read(f"/proc/{pid}/cgroup"):  # what follows is the VM's name, which may be redacted
            yield Entry(f"/proc/{pid}/cgroup", b"0::" + _LIBVIRT + b"\n", mode=0o444)


def _is_vmm(argv: Sequence[str]) -> bool:
    return bool(argv) and _VMM.search(argv[0]) is not None


def _argv(files: Files, pid: int) -> list[str]:
    try:
        raw = files.read(f"/proc/{pid}/cmdline", 262144)
    except OSError:
        return []
    return [word.decode("utf-8", "surrogateescape") for word in raw.split(b"\0") if word]


def _command_line(argv: Sequence[str]) -> bytes:
    return b"".join(hide_secrets(word).encode("utf-8", "surrogateescape") + b"\0" for word in argv)


def hide_secrets(word: str) -> str:
    """Return one word of a command line without the passwords and keys in it."""
    return _SECRET.sub(lambda found: f"{found[1]}=***", word)
