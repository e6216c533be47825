"""The real host, or a foreign tree of its files, rooted at any path."""

from __future__ import annotations

import errno
import os
import stat
from collections.abc import Sequence
from types import TracebackType
from typing import TYPE_CHECKING

from backend.host.clock import SystemClock
from backend.host.doors import Clock, Directory, Events, FileStat, Guarded, Process, Source

if TYPE_CHECKING:
    from backend.host.leftbehind import LeftBehindAccess

# O_NONBLOCK: a FIFO in a foreign tree must not hang its reader; it means nothing to sysfs.
_READ = os.O_RDONLY | os.O_CLOEXEC | os.O_NONBLOCK | os.O_NOCTTY
_DIRECTORY = os.O_RDONLY | os.O_CLOEXEC | os.O_DIRECTORY


class LinuxDirectory:
    """An open directory; every access is relative to its descriptor."""

    __slots__ = ("_fd",)

    def __init__(self, path: str) -> None:
        self._fd = os.open(path, _DIRECTORY)

    def read(self, name: str, limit: int = 4096) -> bytes:
        """Return at most ``limit`` bytes of the file ``name``, read with one read(2)."""
        fd = os.open(name, _READ, dir_fd=self._fd)
        try:
            return os.read(fd, limit)
        finally:
            os.close(fd)

    def readlink(self, name: str) -> str:
        """Return the target of the symbolic link ``name``, as stored."""
        return os.readlink(name, dir_fd=self._fd)

    def list(self, name: str = ".") -> list[str]:
        """Return the names in this directory, or in the one below it called ``name``, unsorted."""
        fd = os.open(name, _DIRECTORY, dir_fd=self._fd)
        try:
            return os.listdir(fd)
        finally:
            os.close(fd)

    def close(self) -> None:
        """Give the descriptor back. Closing twice is harmless."""
        if self._fd >= 0:
            os.close(self._fd)
            self._fd = -1

    def __enter__(self) -> LinuxDirectory:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()


class LinuxFiles:
    """Files of this machine (``sysfs`` and ``procfs`` None), or of trees elsewhere.

    With a foreign ``sysfs`` nothing of this machine shows through: /dev and /etc are empty, and so is
    /proc unless ``procfs`` is given.
    """

    def __init__(self, sysfs: str | None = None, procfs: str | None = None) -> None:
        self._live = sysfs is None and procfs is None
        self._sysfs = (sysfs or "/sys").rstrip("/")
        self._procfs = (procfs or ("/proc" if self._live else "")).rstrip("/")

    def _locate(self, path: str) -> str:
        if self._live:
            return path
        if path.startswith("/sys/"):
            return self._sysfs + path[4:]
        if self._procfs and path.startswith("/proc"):
            return self._procfs + path[5:]
        raise FileNotFoundError(errno.ENOENT, "not part of this tree", path)

    def open_dir(self, path: str) -> Directory:
        """Open a directory (symbolic links in ``path`` are followed)."""
        return LinuxDirectory(self._locate(path))

    def list(self, path: str) -> list[str]:
        """Return the names in a directory, unsorted."""
        return os.listdir(self._locate(path))

    def read(self, path: str, limit: int = 65536) -> bytes:
        """Return at most ``limit`` bytes of a file; files of /proc come in several reads."""
        fd = os.open(self._locate(path), _READ)
        try:
            parts: list[bytes] = []
            while limit > 0 and (part := os.read(fd, limit)):
                parts.append(part)
                limit -= len(part)
            return b"".join(parts)
        finally:
            os.close(fd)

    def readlink(self, path: str) -> str:
        """Return the target of a symbolic link, as stored."""
        return os.readlink(self._locate(path))

    def stat(self, path: str) -> FileStat:
        """Return who may use the file ``path`` (links are followed)."""
        found = os.stat(self._locate(path))
        device = stat.S_ISCHR(found.st_mode) or stat.S_ISBLK(found.st_mode)
        rdev = (os.major(found.st_rdev), os.minor(found.st_rdev)) if device else (0, 0)
        return FileStat(found.st_mode, found.st_uid, found.st_gid, rdev)

    def location(self, path: str) -> str:
        """Return where the file the kernel calls ``path`` really lies. Raises ``FileNotFoundError``."""
        return self._locate(path)


class LinuxProcesses:
    """Processes through psutil, which is imported when the first one is described."""

    def __init__(self, procfs: str | None = None) -> None:
        self._procfs = procfs or "/proc"

    def pids(self) -> Sequence[int]:
        """Return the ids of all processes, in no order."""
        return [int(name) for name in os.listdir(self._procfs) if name.isdecimal() and name.isascii()]

    def describe(self, pid: int) -> Process:
        """Return a process. Raises ``ProcessLookupError`` when it is gone, ``PermissionError`` when hidden."""
        import psutil

        psutil.PROCFS_PATH = self._procfs
        try:
            process = psutil.Process(pid)
            with process.oneshot():
                uids = process.uids()
                return Process(
                    pid, process.name(), process.cmdline(), uids.effective, process.username(), process.create_time()
                )
        except psutil.AccessDenied as denied:
            raise PermissionError(errno.EACCES, "hidden process", str(pid)) from denied
        except (psutil.Error, OSError, ValueError, IndexError, KeyError, RuntimeError) as gone:
            raise ProcessLookupError(errno.ESRCH, "no such process", str(pid)) from gone


class LinuxHost:
    """All doors of a Linux host.

    Args:
        sysfs: root of a foreign /sys, or None for this machine's.
        procfs: root of a foreign /proc. A foreign ``sysfs`` without it has no processes.
        clock: time, for tests.
    """

    def __init__(self, sysfs: str | None = None, procfs: str | None = None, clock: Clock | None = None) -> None:
        live = sysfs is None and procfs is None
        self.roots = (sysfs, procfs)
        roots = [f"{kind} {root}" for kind, root in (("sysfs", sysfs), ("procfs", procfs)) if root]
        self.source = Source("live") if live else Source("tree", ", ".join(roots))
        self.files = LinuxFiles(sysfs, procfs)
        self._guarded: LeftBehindAccess | None = None
        self.processes = LinuxProcesses(procfs) if live or procfs else None
        self.clock: Clock = clock or SystemClock()

    # What only a living session needs is imported when it asks: a snapshot does without asyncio.

    @property
    def guarded(self) -> Guarded:
        """Accesses that may block, each where it can be left behind."""
        if self._guarded is None:
            from backend.host.leftbehind import LeftBehindAccess

            self._guarded = LeftBehindAccess(self.files.location)
        return self._guarded

    @property
    def events(self) -> Events:
        """Kernel events of this machine; a foreign tree has none."""
        from backend.host.uevents import KernelEvents, NoEvents

        return KernelEvents() if self.source.kind == "live" else NoEvents()

    def name(self) -> str:
        """Return the host's name, raw."""
        if self.source.kind == "live":
            return os.uname().nodename
        try:
            return self.files.read("/proc/sys/kernel/hostname", 256).decode("utf-8", "replace")
        except OSError:
            return os.path.basename(os.path.dirname(os.path.abspath(self.roots[0] or self.roots[1] or "/"))) or "tree"

    def close(self) -> None:
        """Let go of children; never waits."""
        if self._guarded is not None:
            self._guarded.close()
