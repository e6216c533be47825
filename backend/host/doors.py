"""What a host looks like from outside: the protocols that every host, real or simulated, answers.

A path is always the kernel's own absolute name (``/sys/bus/pci/devices``), wherever the tree really
lies. Doors raise ``OSError`` with the kernel's errno and nothing else; probes turn that into the state
of a fact.
"""

from __future__ import annotations

import os
import stat
from collections.abc import AsyncIterator, Mapping, Sequence
from dataclasses import dataclass, field
from types import TracebackType
from typing import TYPE_CHECKING, Literal, Protocol, Self

if TYPE_CHECKING:
    import socket

from backend.model.devstate import About
from backend.model.links import (
    DevlinkPort,
    EswitchMode,
    PortSetting,
    PortSettingName,
    VfSetting,
    VfSettingName,
    VfTable,
)
from backend.model.vfio import VfioLook


class Directory(Protocol):
    """One open directory: cheap reads of several of its entries.

    Names are single entries or short relative paths (``power/runtime_status``). After the device went
    away every method raises ``FileNotFoundError`` or ``OSError(ENODEV)``; an open directory is never
    confused with a new device of the same name.
    """

    def read(self, name: str, limit: int = 4096) -> bytes:
        """Return at most ``limit`` bytes of the file ``name``, read with one read(2)."""
        ...

    def readlink(self, name: str) -> str:
        """Return the target of the symbolic link ``name``, as stored."""
        ...

    def list(self, name: str = ".") -> list[str]:
        """Return the names in this directory, or in the one below it called ``name``, unsorted."""
        ...

    def close(self) -> None:
        """Give the descriptor back. Closing twice is harmless."""
        ...

    def __enter__(self) -> Self: ...

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None: ...


class Files(Protocol):
    """Files below /sys, /proc and /dev that never take a device lock when read.

    What can take one (``sriov_numvfs``, ``driver_override``, every write) goes through ``Guarded``.
    """

    def open_dir(self, path: str) -> Directory:
        """Open a directory (symbolic links in ``path`` are followed)."""
        ...

    def list(self, path: str) -> list[str]:
        """Return the names in a directory, unsorted."""
        ...

    def read(self, path: str, limit: int = 65536) -> bytes:
        """Return at most ``limit`` bytes of a file."""
        ...

    def readlink(self, path: str) -> str:
        """Return the target of a symbolic link, as stored."""
        ...

    def stat(self, path: str) -> FileStat:
        """Return who may use the file ``path`` (links are followed)."""
        ...


@dataclass(frozen=True, slots=True)
class FileStat:
    """The part of stat(2) that says who may use a device node."""

    mode: int
    """st_mode, file type included."""
    uid: int
    gid: int
    rdev: tuple[int, int] = (0, 0)
    """Device number (major, minor); (0, 0) for what is no device node."""


def stat_of(found: os.stat_result) -> FileStat:
    """Return the part of what the kernel said that we use."""
    device = stat.S_ISCHR(found.st_mode) or stat.S_ISBLK(found.st_mode)
    rdev = (os.major(found.st_rdev), os.minor(found.st_rdev)) if device else (0, 0)
    return FileStat(found.st_mode, found.st_uid, found.st_gid, rdev)


class StillWaiting(TimeoutError):
    """A guarded access that did not return in time. It goes on in the kernel and was left behind.

    Attributes:
        path: what was read or written.
        pid: the process that waits, 0 where nobody can tell.
        wchan: the kernel function it waits in (``/proc/PID/wchan``), "" when hidden.
        waited: seconds since it began.
    """

    def __init__(self, path: str, pid: int, wchan: str, waited: float) -> None:
        super().__init__(f"{path}: still waiting in the kernel after {waited:.1f} s (pid {pid}, {wchan or 'unknown'})")
        self.path = path
        self.pid = pid
        self.wchan = wchan
        self.waited = waited


class Guarded(Protocol):
    """Accesses that may block for as long as a driver likes.

    Each runs where it can be left behind: in a child process that holds none of our standard streams
    (real host), or as a waiting entry of the simulated kernel. Neither the event loop nor the end of
    the program ever waits for one.
    """

    async def read(self, path: str, *, deadline: float) -> bytes:
        """Read a whole file. Raises ``OSError`` as read(2) does, ``StillWaiting`` after ``deadline`` seconds."""
        ...

    async def write(self, path: str, data: bytes, *, deadline: float) -> None:
        """Write ``data`` with one write(2). Raises as ``read`` does.

        After ``StillWaiting`` the write has neither failed nor succeeded: the kernel still works on it.
        """
        ...

    async def load_module(self, name: str, *, deadline: float) -> None:
        """Load a kernel module as modprobe(8) does, unless the configuration forbids it. Raises as ``read`` does."""
        ...

    async def save(self, path: str, data: bytes, *, mode: int, deadline: float) -> None:
        """Make or replace a settings file outside /sys; its folders are made, too. Raises as ``read`` does.

        Whatever happens, the file is the old one or the new one, never a part of one.
        """
        ...

    async def delete(self, path: str, *, deadline: float) -> None:
        """Remove a settings file. Raises as ``read`` does."""
        ...

    async def enable_unit(self, name: str, on: bool, *, deadline: float) -> None:
        """Let systemd start a unit at boot, or no more. Raises as ``read`` does."""
        ...

    async def set_vf_token(self, pf: str, token: str, *, deadline: float) -> None:
        """Give a PF on vfio-pci the UUID that its users and those of its VFs have to know. Raises as ``read`` does."""
        ...

    async def look_at(self, device: str, *, deadline: float) -> VfioLook:
        """Open a device by VFIO, ask what it is, and close it. Raises as ``read`` does.

        A PCI function is reset when it is opened and closed. ``ENOENT`` without a VFIO driver, ``EBUSY`` when somebody
        has it or its group, ``EPERM`` for a group that is not viable, ``EACCES`` where a VF token is wanted.
        """
        ...

    async def save_state(self, path: str, about: About, *, deadline: float) -> None:
        """Save the state of an mdev that nobody holds to a new file. Raises as ``read`` does.

        ``EEXIST`` where there is one, ``EBUSY`` when somebody has the device, ``ENOTTY`` or ``EOPNOTSUPP`` where its
        driver cannot, ``EPROTO`` when a migration left it in another state than RUNNING.
        """
        ...

    async def restore_state(self, path: str, about: About, device: str, *, deadline: float) -> None:
        """Give an mdev that nobody holds the state of a file. Raises as ``save_state`` does.

        ``EINVAL``, and nothing was touched, for a file that is damaged or not the one that ``about`` tells of. A device
        that does not take the state is reset, and the driver's own errno comes back.
        """
        ...

    def waiting(self) -> tuple[StillWaiting, ...]:
        """Return the accesses that were left behind and still go on, as they are now.

        A write whose task was cancelled is one of them.
        """
        ...


@dataclass(frozen=True, slots=True)
class Uevent:
    """One kernel uevent (``Documentation/core-api/kobject.rst``)."""

    action: str
    """add, remove, change, move, online, offline, bind or unbind."""
    devpath: str
    """Path below /sys, beginning with /devices/."""
    subsystem: str = ""
    properties: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Overflow:
    """Events were lost: only a rescan tells the truth."""


Event = Uevent | Overflow


class Events(Protocol):
    """Kernel events as they happen."""

    def stream(self) -> AsyncIterator[Event]:
        """Yield events for ever. Losing some yields ``Overflow`` and the stream goes on.

        Raises ``OSError`` when this host offers no events at all (a foreign tree, a sandbox).
        """
        ...


class Links(Protocol):
    """The network side of PFs, by rtnetlink and devlink: records, not packets.

    Every method raises ``OSError`` with the kernel's errno, whose text is what the kernel or the driver said,
    and ``StillWaiting`` after ``deadline`` seconds: a driver may hold the locks of the network for as long as
    it likes. What is only files raises ``EOPNOTSUPP``.

    A devlink device is named by its bus and its name there, as in ``pci/0000:c1:00.0``; one that devlink does
    not know raises ``ENODEV``.
    """

    async def vfs(self, interface: str, *, statistics: bool = False, deadline: float) -> VfTable:
        """Return the VFs of the PF that ``interface`` belongs to, with their counters if wanted.

        An interface that is no PF's has none. Raises ``ENODEV`` where there is no such interface.
        """
        ...

    async def set_vf(
        self, interface: str, parent: str, vf: int, name: VfSettingName, value: VfSetting, *, deadline: float
    ) -> None:
        """Set one thing of one VF through its PF's interface.

        Raises ``ENODEV`` where ``interface`` does not belong to the device ``parent``, ``EOPNOTSUPP`` where the
        driver cannot set this, ``EINVAL`` where there is no such VF or it takes no such value, ``EPERM`` without
        CAP_NET_ADMIN.
        """
        ...

    async def eswitch(self, device: str, *, deadline: float) -> EswitchMode:
        """Return the mode of a device's embedded switch. Raises ``EOPNOTSUPP`` where it has none."""
        ...

    async def set_eswitch(self, device: str, mode: EswitchMode, *, deadline: float) -> None:
        """Set the mode of a device's embedded switch."""
        ...

    async def ports(self, device: str, *, deadline: float) -> tuple[DevlinkPort, ...]:
        """Return the devlink ports of a device."""
        ...

    async def set_port(
        self, device: str, port: int, name: PortSettingName, value: PortSetting, *, deadline: float
    ) -> None:
        """Set one thing of the function behind a port. Raises ``ENODEV`` where there is no such port."""
        ...

    def waiting(self) -> tuple[StillWaiting, ...]:
        """Return what was left behind and still goes on, each at ``READING``, a ``vf_place`` or a ``devlink_place``."""
        ...


READING = "rtnetlink"
"""What ``StillWaiting`` calls the reading of VFs: whoever reads waits for the one lock of all links."""


def state_place(device: str) -> str:
    """Return what ``StillWaiting`` calls the saving and restoring of a device's state."""
    return f"device state of {device}"


def vf_place(interface: str, vf: int, name: str) -> str:
    """Return what ``StillWaiting`` calls the setting of one thing of a VF."""
    return f"netlink {interface} vf {vf} {name}"


def devlink_place(device: str, name: str) -> str:
    """Return what ``StillWaiting`` calls the reading or setting of one thing of a devlink device or port."""
    return f"devlink {device} {name}"


@dataclass(frozen=True, slots=True)
class Process:
    """A process, as far as everybody may see it. Names are raw: not yet cleaned."""

    pid: int
    name: str
    argv: Sequence[str]
    uid: int | None
    user: str
    start_time: float
    """Seconds since the epoch."""


@dataclass(frozen=True, slots=True)
class Usage:
    """What a process has used up, and what it holds now."""

    cpu: float
    """Seconds of CPU time of all its threads, in user space and in the kernel, since it started."""
    resident: int
    """Bytes of memory."""
    start_time: float
    """Seconds since the epoch: tells a process from a later one with its pid."""


class Processes(Protocol):
    """The processes of a host. Descriptors and maps are read through ``Files`` below /proc."""

    def pids(self) -> Sequence[int]:
        """Return the ids of all processes, in no order."""
        ...

    def describe(self, pid: int) -> Process:
        """Return a process. Raises ``ProcessLookupError`` when it is gone, ``PermissionError`` when hidden."""
        ...

    def usage(self, pid: int) -> Usage:
        """Return what a process uses. Raises as ``describe`` does."""
        ...


@dataclass(frozen=True, slots=True)
class Peer:
    """Who listens at the other end of a unix socket, as the kernel vouches (SO_PEERCRED)."""

    pid: int
    uid: int


class Sockets(Protocol):
    """Unix sockets of other programs, by the paths that this host gives them. Both methods may block: use a thread."""

    def danger(self, path: str, trusted: frozenset[int]) -> str:
        """Return why somebody other than the users ``trusted`` and ourselves could stand in for the socket; "" if none.

        Raises ``OSError`` when there is no such socket, or it cannot be looked at.
        """
        ...

    def connect(self, path: str) -> tuple[socket.socket, Peer]:
        """Return a connection, and who listens. Raises ``OSError`` as connect(2) does."""
        ...

    def beside(self, path: str) -> str:
        """Return a path at which whoever listens on ``path`` may make another socket, as its own kernel names it."""
        ...


class Programs(Protocol):
    """Programs that are started on a host. Both methods may block: use a thread."""

    def start(self, words: Sequence[str], *, log: str, folder: str) -> int:
        """Start a program that outlives us; return its process. Raises ``OSError`` as execve(2) does.

        Args:
            words: its command line.
            log: file for what it prints.
            folder: where it works.
        """
        ...

    def end(self, pid: int) -> None:
        """End a program that was started here."""
        ...


@dataclass(frozen=True, slots=True)
class EventConfig:
    """Which event to count: the fields of ``struct perf_event_attr`` that say so."""

    type: int
    """The PMU's ``type``; 2 for a tracepoint."""
    config: int = 0
    """A tracepoint's id, or what the PMU's ``format`` and ``events`` folders make of an event."""
    config1: int = 0
    config2: int = 0
    config3: int = 0


TRACEPOINT = 2
"""PERF_TYPE_TRACEPOINT: the type of every tracepoint."""


@dataclass(frozen=True, slots=True)
class EventCount:
    """What an event has counted."""

    value: int
    enabled: int
    """Nanoseconds since it was opened."""
    running: int
    """Nanoseconds of those in which it really had a counter: fewer where events share the hardware."""


class PerfEvent(Protocol):
    """One open event, counting."""

    def read(self) -> EventCount:
        """Return what it has counted so far."""
        ...

    def close(self) -> None:
        """Stop counting. Closing twice is harmless."""
        ...


class Perf(Protocol):
    """Performance events by ``perf_event_open``."""

    def open(self, event: EventConfig, *, cpu: int, pid: int = -1) -> PerfEvent:
        """Begin to count on a CPU (-1: any, for one process) for a process (-1: all of them).

        Raises ``EACCES`` or ``EPERM`` without CAP_PERFMON where ``perf_event_paranoid`` forbids it, ``ENOENT``,
        ``ENODEV`` or ``EINVAL`` where the PMU does not know the event, ``EOPNOTSUPP`` where there is no kernel to ask.
        """
        ...


class Clock(Protocol):
    """Time, so that tests and the simulated host may own it."""

    def monotonic(self) -> float:
        """Return seconds that never run backwards and stand still while the machine sleeps."""
        ...

    def boottime(self) -> float:
        """Return seconds that never run backwards and go on while the machine sleeps."""
        ...

    def time(self) -> float:
        """Return seconds since the epoch; only for labels."""
        ...

    async def sleep(self, seconds: float) -> None:
        """Return after that many of this clock's seconds."""
        ...


@dataclass(frozen=True, slots=True)
class Source:
    """Where a host's facts come from; every face shows it."""

    kind: Literal["live", "tree", "capture", "simulated"]
    """live: this machine; tree: files somewhere (a container's view); capture: a record of another moment;
    simulated: nothing is real."""
    detail: str = ""
    """The scenario's name, or the roots of the tree."""


class HostDoors(Protocol):
    """All doors of one host.

    ``processes`` is None where the tree has no processes to speak of: holders are then unknown, not absent.
    """

    @property
    def source(self) -> Source:
        """Where the facts come from."""
        ...

    @property
    def files(self) -> Files:
        """Files that never take a device lock."""
        ...

    @property
    def guarded(self) -> Guarded:
        """Accesses that may block."""
        ...

    @property
    def events(self) -> Events:
        """Kernel events."""
        ...

    @property
    def links(self) -> Links:
        """The network side."""
        ...

    @property
    def perf(self) -> Perf:
        """Performance events."""
        ...

    @property
    def processes(self) -> Processes | None:
        """Processes, where the tree has any."""
        ...

    @property
    def sockets(self) -> Sockets | None:
        """Sockets of other programs; None where nobody lives who could answer (a tree, a capture)."""
        ...

    @property
    def programs(self) -> Programs | None:
        """Starting programs; None where nobody lives who could."""
        ...

    @property
    def clock(self) -> Clock:
        """The time this host lives by."""
        ...

    def name(self) -> str:
        """Return the host's name, raw."""
        ...

    def close(self) -> None:
        """Let go of descriptors and children; never waits."""
        ...
