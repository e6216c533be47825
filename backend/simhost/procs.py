"""Processes: /proc/PID, and the descriptors and mappings through which they hold devices."""

from __future__ import annotations

import zlib
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field

from backend.host.doors import Process as ProcessRecord
from backend.host.doors import Usage
from backend.simhost.core import Core
from backend.simhost.function import Function
from backend.simhost.mdev import Mdev
from backend.simhost.traffic import grown
from backend.simhost.tree import Dir, DynamicDir, File, Link, Node
from backend.simhost.vfio import Vfio

UNPRIVILEGED_UID = 1000
HOST_NETNS = 4026531840
_TICKS = 100
Device = Function | Mdev


@dataclass(slots=True)
class Mapping:
    """One mapping of device memory."""

    size: int
    path: str
    offset: int = 0
    """Tells the region by its number, above bit 40."""


@dataclass(slots=True, eq=False)
class SimProcess:
    """A simulated process."""

    pid: int
    name: str
    argv: Sequence[str]
    uid: int = 0
    user: str = "root"
    started: float = 60.0
    """Seconds after boot."""
    rss_kb: int = 40_000
    pinned_kb: int = 0
    locked_kb: int = 0
    memlock_limit: str = "unlimited"
    netns: int = HOST_NETNS
    cgroup: str = "0::/system.slice"
    threads: int = 2
    fds: dict[int, tuple[str, str]] = field(default_factory=dict)
    """Descriptor → what it is, and extra lines of its fdinfo."""
    maps: list[Mapping] = field(default_factory=list)
    devices: list[Device] = field(default_factory=list)

    def open(self, target: str, extra: str = "") -> int:
        """Give the process the lowest free descriptor for ``target``."""
        number = 3
        while number in self.fds:
            number += 1
        self.fds[number] = (target, extra)
        return number


class Processes:
    """The process table and /proc."""

    def __init__(self, core: Core, vfio: Vfio) -> None:
        self._core = core
        self._vfio = vfio
        self.all: dict[int, SimProcess] = {}
        proc = DynamicDir("proc", core.root, self._pids, self._process)
        core.root.entries["proc"] = proc
        self.proc = proc
        self._dirs: dict[int, Dir] = {}
        self._makers = self._entries()
        self.on_end: dict[int, Callable[[], None]] = {}
        """Called when a process ends, by process."""

    def _pids(self) -> Iterable[str]:
        return [str(pid) for pid in self.all]

    def _process(self, name: str) -> Node | None:
        if not name.isdecimal():
            return None
        process = self.all.get(int(name))
        if process is None:
            return None
        found = self._dirs.get(process.pid)
        if found is None:
            found = self._dirs[process.pid] = _ProcessDir(process, self.proc, self._makers)
        return found

    def start(self, process: SimProcess) -> SimProcess:
        """Add a process."""
        self.all[process.pid] = process
        process.fds.setdefault(0, ("/dev/null", ""))
        process.fds.setdefault(1, ("/dev/null", ""))
        process.fds.setdefault(2, ("/dev/null", ""))
        return process

    def end(self, pid: int) -> None:
        """End a process: everything it holds is released."""
        process = self.all.pop(pid, None)
        if process is None:
            return
        directory = self._dirs.pop(pid, None)
        if directory is not None:
            directory.kill()
        for device in list(process.devices):
            self._vfio.close(process, device)
        process.devices.clear()
        self.on_end.pop(pid, lambda: None)()
        self._core.schedule.changed()

    def hold(self, pid: int, device: Device, *, mapped: bool = True, token: str = "") -> None:
        """Let a process open a device through VFIO, by character device where the kernel has them.

        Raises as ``Vfio.open`` does. ``mapped`` says whether its memory regions are mapped as well.
        """
        process = self.all[pid]
        self._vfio.open(process, device, token=token)
        process.devices.append(device)
        vfio, group = device.vfio, device.group
        assert vfio is not None
        assert group is not None
        path = device.dir.path()
        extra = f"vfio-device-syspath: {path}\n" if self._core.features.fdinfo_names_device else ""
        targets = {target for target, _ in process.fds.values()}
        if self._core.features.cdev:
            target = f"/dev/vfio/devices/vfio{vfio.index}"
            if "/dev/iommu" not in targets:
                process.open("/dev/iommu")
        else:
            target = "anon_inode:[vfio-device]"
            for node in ("/dev/vfio/vfio", f"/dev/vfio/{group.id}"):
                if node not in targets:
                    process.open(node)
        process.open(target, extra)
        if mapped:
            process.maps.extend(Mapping(size, target, offset) for size, offset in _regions(device))

    def let_go(self, pid: int, device: Device) -> None:
        """Let a process close one device."""
        process = self.all[pid]
        vfio, group = device.vfio, device.group
        gone = {f"/dev/vfio/devices/vfio{vfio.index}"} if vfio is not None else set()
        self._vfio.close(process, device)
        process.devices.remove(device)
        if group is not None and group.owner is not process:
            gone.add(f"/dev/vfio/{group.id}")
        path = f"vfio-device-syspath: {device.dir.path()}\n"
        anonymous = 0
        for number, (target, extra) in list(process.fds.items()):
            if target in gone or extra == path:
                del process.fds[number]
            elif target == "anon_inode:[vfio-device]" and not extra and not anonymous:
                anonymous = number
        if anonymous and not self._core.features.fdinfo_names_device and not self._core.features.cdev:
            del process.fds[anonymous]
        for size, offset in _regions(device):
            index = next((i for i, m in enumerate(process.maps) if (m.size, m.offset) == (size, offset)), None)
            if index is not None:
                del process.maps[index]
        self._core.schedule.changed()

    def describe(self, pid: int) -> ProcessRecord:
        """Return the public record of a process. Raises ``ProcessLookupError``."""
        process = self.all.get(pid)
        if process is None:
            raise ProcessLookupError(3, "No such process")
        start = self._core.features.boot_time + process.started
        return ProcessRecord(pid, process.name, tuple(process.argv), process.uid, process.user, start)

    def usage(self, pid: int) -> Usage:
        """Return what a process uses: a VM half a CPU for each of its vCPUs. Raises ``ProcessLookupError``."""
        process = self.all.get(pid)
        if process is None:
            raise ProcessLookupError(3, "No such process")
        return Usage(
            self._cpu_ticks(process) / _TICKS, process.rss_kb << 10, self._core.features.boot_time + process.started
        )

    def _cpu_ticks(self, p: SimProcess) -> int:
        return 1540 + grown(self._core.age(), _TICKS * 0.5 * max(1, p.threads - 2), p.pid * 2654435761)

    def _entries(self) -> dict[str, Callable[[SimProcess, Dir], Node]]:
        """Return what makes each entry of a process's folder."""
        return {
            "comm": lambda p, top: File(lambda: _raw(p.name[:15]) + b"\n"),
            "cmdline": lambda p, top: File(lambda: b"".join(_raw(arg) + b"\0" for arg in p.argv)),
            "status": lambda p, top: File(lambda: _status(p)),
            "stat": lambda p, top: File(lambda: _stat(p, self._cpu_ticks(p))),
            "limits": lambda p, top: File(lambda: _limits(p)),
            "uid_map": lambda p, top: File(b"         0          0 4294967295\n"),
            "cgroup": lambda p, top: File(lambda: _raw(p.cgroup) + b"\n"),
            "maps": lambda p, top: File(lambda: _maps(p), restricted=_closed(p)),
            "exe": lambda p, top: Link(p.argv[0] if p.argv else "", restricted=_closed(p)),
            "fd": lambda p, top: _descriptors("fd", p, top, _fd),
            "fdinfo": lambda p, top: _descriptors("fdinfo", p, top, _fdinfo),
            "ns": _namespaces,
        }


class _ProcessDir(Dir):
    """``/proc/PID``. A host has VMs by the thousand: an entry is made when it is looked up."""

    __slots__ = ("_makers",)

    def __init__(self, p: SimProcess, proc: Dir, makers: dict[str, Callable[[SimProcess, Dir], Node]]) -> None:
        super().__init__(str(p.pid), proc, owner=p)
        self._makers = makers

    def get(self, name: str) -> Node | None:
        """Return the entry ``name``, or None."""
        make = self._makers.get(name)
        return make(self.owner, self) if make is not None else None

    def names(self) -> list[str]:
        """Return the names of all entries."""
        return list(self._makers)


def _closed(p: SimProcess) -> bool:
    """Return whether only root may look into a process."""
    return p.uid != UNPRIVILEGED_UID


def _descriptors(name: str, p: SimProcess, top: Dir, look_up: Callable[[SimProcess, str], Node | None]) -> Dir:
    made = DynamicDir(
        name, top, lambda: [str(n) for n in p.fds], lambda entry: look_up(p, entry), restricted=_closed(p)
    )
    made.anchor = top
    return made


def _namespaces(p: SimProcess, top: Dir) -> Dir:
    made = Dir("ns", top, anchor=top)
    made.entries["net"] = Link(f"net:[{p.netns}]", restricted=_closed(p))
    made.entries["pid"] = Link("pid:[4026531836]", restricted=_closed(p))
    return made


def _regions(device: Device) -> list[tuple[int, int]]:
    """Return size and offset of the regions that a user may map."""
    if isinstance(device, Function):
        return [(device.model.bar, bar << 40) for bar in device.model.bars]
    return [(device.parent.family.region, 0)] if device.parent.family.region else []


def _raw(text: str) -> bytes:
    return text.encode("utf-8", "surrogateescape")


def _fd(p: SimProcess, name: str) -> Node | None:
    found = p.fds.get(int(name)) if name.isdecimal() else None
    return None if found is None else Link(found[0])


def _fdinfo(p: SimProcess, name: str) -> Node | None:
    found = p.fds.get(int(name)) if name.isdecimal() else None
    if found is None:
        return None
    return File(f"pos:\t0\nflags:\t02000002\nmnt_id:\t17\nino:\t{_inode(found[0])}\n{found[1]}".encode())


_ALL_CAPABILITIES = (1 << 41) - 1


def _inode(path: str) -> int:
    """Return an inode: all anonymous files of a host share one, each device node has its own."""
    return 1122 if path.startswith("anon_inode:") else 200 + zlib.crc32(path.encode()) % 4096


def _status(p: SimProcess) -> bytes:
    return (
        _raw(f"Name:\t{p.name[:15]}\n") + b"Umask:\t0022\nState:\tS (sleeping)\n"
        + f"Tgid:\t{p.pid}\nNgid:\t0\nPid:\t{p.pid}\nPPid:\t1\nTracerPid:\t0\n".encode()
        + f"Uid:\t{p.uid}\t{p.uid}\t{p.uid}\t{p.uid}\nGid:\t{p.uid}\t{p.uid}\t{p.uid}\t{p.uid}\n".encode()
        + f"VmPeak:\t{p.rss_kb * 2:8d} kB\nVmSize:\t{p.rss_kb * 2:8d} kB\n".encode()
        + f"VmLck:\t{p.locked_kb:8d} kB\nVmPin:\t{p.pinned_kb:8d} kB\n".encode()
        + f"VmHWM:\t{p.rss_kb:8d} kB\nVmRSS:\t{p.rss_kb:8d} kB\nThreads:\t{p.threads}\n".encode()
        + f"CapEff:\t{0 if p.uid else _ALL_CAPABILITIES:016x}\n".encode()
    )  # fmt: skip


def _stat(p: SimProcess, ticks: int) -> bytes:
    start = int(p.started * _TICKS)
    head = _raw(f"{p.pid} ({p.name[:15]}) S 1 {p.pid} {p.pid} 0 -1 4194560 900 0 0 0 ")
    times = f"{ticks - ticks // 4} {ticks // 4} 0 0"
    return head + f"{times} 20 0 {p.threads} 0 {start} {p.rss_kb * 2048} {p.rss_kb // 4} 0\n".encode()


def _limits(p: SimProcess) -> bytes:
    row = "{:<26}{:<21}{:<21}{:<10}\n"
    text = row.format("Limit", "Soft Limit", "Hard Limit", "Units")
    text += row.format("Max open files", "1024", "524288", "files")
    text += row.format("Max locked memory", p.memlock_limit, p.memlock_limit, "bytes")
    return text.encode()


def _maps(p: SimProcess) -> bytes:
    program = p.argv[0] if p.argv else "/usr/bin/true"
    lines = [_raw(f"{'55d0c0000000-55d0c0800000 r-xp 00000000 fd:00 131090':<73}{program}\n")]
    address = 0x7F53_6000_0000
    for mapping in p.maps:
        head = f"{address:x}-{address + mapping.size:x} rw-s {mapping.offset:08x} 00:0e {_inode(mapping.path)}"
        lines.append(f"{head:<73}{mapping.path}\n".encode())
        address += mapping.size + 0x10000
    lines.append(b"7ffd4a1c0000-7ffd4a1e1000 rw-p 00000000 00:00 0                          [stack]\n")
    return b"".join(lines)
