"""The real host, or a foreign tree of its files, rooted at any path."""

from __future__ import annotations

import contextlib
import errno
import os
import threading
from collections.abc import Callable, Iterator, Sequence
from typing import TYPE_CHECKING, TypeVar

from backend.host.clock import SystemClock
from backend.host.directory import READ, LinuxDirectory, read_whole
from backend.model.source import Source

if TYPE_CHECKING:
    import psutil

    from backend.host.doors import Clock, Directory, Events, FileStat, Process, Usage
    from backend.host.leftbehind import LeftBehindAccess
    from backend.host.links import LinuxLinks, NoLinks
    from backend.host.perf import LinuxPerf, NoPerf
    from backend.host.programs import LinuxPrograms
    from backend.host.sockets import LinuxSockets
    from backend.host.tree import TreeFiles

T = TypeVar("T")
_PROC = "/proc"


class LinuxFiles:
    """Files of this machine."""

    def open_dir(self, path: str) -> Directory:
        """Open a directory (symbolic links in ``path`` are followed)."""
        return LinuxDirectory(path)

    def list(self, path: str) -> list[str]:
        """Return the names in a directory, unsorted."""
        return os.listdir(path)

    def read(self, path: str, limit: int = 65536) -> bytes:
        """Return at most ``limit`` bytes of a file; files of /proc come in several reads."""
        return read_whole(os.open(path, READ), limit)

    def readlink(self, path: str) -> str:
        """Return the target of a symbolic link, as stored."""
        return os.readlink(path)

    def stat(self, path: str) -> FileStat:
        """Return who may use the file ``path`` (links are followed)."""
        from backend.host.doors import stat_of

        return stat_of(os.stat(path))

    def location(self, path: str) -> str:
        """Return where the file the kernel calls ``path`` lies: just there."""
        return path


_foreign = threading.Lock()


@contextlib.contextmanager
def _asking_psutil_of(procfs: str) -> Iterator[None]:
    """Have psutil, which keeps its root in a global, look below ``procfs``; only its own /proc needs no turn."""
    import psutil

    if procfs == _PROC:
        yield
        return
    with _foreign:
        psutil.PROCFS_PATH = procfs
        try:
            yield
        finally:
            psutil.PROCFS_PATH = _PROC


class LinuxProcesses:
    """Processes through psutil, which is imported when the first one is described."""

    def __init__(self, procfs: str | None = None) -> None:
        self._procfs = procfs or _PROC

    def pids(self) -> Sequence[int]:
        """Return the ids of all processes, in no order."""
        return [int(name) for name in os.listdir(self._procfs) if name.isdecimal() and name.isascii()]

    def describe(self, pid: int) -> Process:
        """Return a process. Raises ``ProcessLookupError`` when it is gone, ``PermissionError`` when hidden."""
        from backend.host.doors import Process

        def describe(process: psutil.Process) -> Process:
            return Process(
                pid, process.name(), process.cmdline(), process.uids().effective, process.username(),
                process.create_time(),
            )  # fmt: skip

        return self._ask(pid, describe)

    def usage(self, pid: int) -> Usage:
        """Return what a process uses: one reading of its stat and statm. Raises as ``describe`` does."""
        from backend.host.doors import Usage

        def measure(process: psutil.Process) -> Usage:
            times = process.cpu_times()
            return Usage(times.user + times.system, process.memory_info().rss, process.create_time())

        return self._ask(pid, measure)

    def _ask(self, pid: int, question: Callable[[psutil.Process], T]) -> T:
        import psutil

        try:
            with _asking_psutil_of(self._procfs):
                process = psutil.Process(pid)
                with process.oneshot():
                    return question(process)
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
        writer: module of the child that writes, ``backend.host.writing``; None where nothing can be written.
    """

    def __init__(
        self,
        sysfs: str | None = None,
        procfs: str | None = None,
        clock: Clock | None = None,
        *,
        writer: str | None = None,
    ) -> None:
        live = sysfs is None and procfs is None
        self.roots = (sysfs, procfs)
        roots = [f"{kind} {root}" for kind, root in (("sysfs", sysfs), ("procfs", procfs)) if root]
        self.source = Source("live") if live else Source("tree", ", ".join(roots))
        self.files: LinuxFiles | TreeFiles = LinuxFiles() if live else _tree(sysfs, procfs)
        self._writer = writer
        self._guarded: LeftBehindAccess | None = None
        self._links: LinuxLinks | NoLinks | None = None
        self.processes = LinuxProcesses(procfs) if live or procfs else None
        self.clock: Clock = clock or SystemClock()

    # What only a living session needs is imported when it asks: a snapshot does without asyncio.

    @property
    def guarded(self) -> LeftBehindAccess:
        """Accesses that may block, each where it can be left behind."""
        if self._guarded is None:
            from backend.host.leftbehind import LeftBehindAccess

            self._guarded = LeftBehindAccess(self.files.location, self.roots[0] or "/sys", self._writer)
        return self._guarded

    @property
    def events(self) -> Events:
        """Kernel events of this machine; a foreign tree has none."""
        from backend.host.uevents import KernelEvents, NoEvents

        return KernelEvents() if self.source.kind == "live" else NoEvents()

    @property
    def perf(self) -> LinuxPerf | NoPerf:
        """Performance events of this machine."""
        from backend.host.perf import LinuxPerf, NoPerf

        return LinuxPerf() if self.source.kind == "live" else NoPerf()

    @property
    def links(self) -> LinuxLinks | NoLinks:
        """The network side of this machine; a foreign tree has none."""
        if self._links is None:
            from backend.host.links import LinuxLinks, NoLinks

            live = self.source.kind == "live"
            self._links = LinuxLinks(setting=self._writer is not None) if live else NoLinks("tree")
        return self._links

    @property
    def sockets(self) -> LinuxSockets | None:
        """Sockets of this machine's programs; a foreign tree has none."""
        if self.source.kind != "live":
            return None
        from backend.host.sockets import LinuxSockets

        return LinuxSockets()

    @property
    def programs(self) -> LinuxPrograms | None:
        """Starting programs on this machine; a foreign tree has no processor."""
        if self.source.kind != "live":
            return None
        from backend.host.programs import LinuxPrograms

        return LinuxPrograms()

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
        if self._links is not None:
            self._links.close()


def _tree(sysfs: str | None, procfs: str | None) -> TreeFiles:
    """Return a foreign /sys, with its own /proc or none; or this machine's /sys with a foreign /proc."""
    from backend.host.tree import TreeFiles

    return TreeFiles({"/sys": sysfs or "/sys", **({"/proc": procfs} if procfs else {})})
