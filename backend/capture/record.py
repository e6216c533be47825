"""Walking over a host: yields what a capture holds."""

from __future__ import annotations

import errno
import posixpath
import re
from collections.abc import AsyncIterator, Iterator

from backend.capture.entry import Entry, Notes
from backend.capture.inventory import (
    AWAKE_ONLY,
    DEFINITIONS,
    FOLDERS_LEFT_OUT,
    GUARDED,
    MODULES,
    NODES,
    PROC,
    ROOTS,
    is_read,
)
from backend.capture.processes import record_processes
from backend.host.doors import Directory, HostDoors, StillWaiting

GUARDED_SECONDS = 1.0
_MOST_BYTES = 1 << 20
_DEEPEST = 24
_UUID = re.compile(r"[0-9a-fA-F]{8}(-[0-9a-fA-F]{4}){3}-[0-9a-fA-F]{12}")


class Recorder:
    """One walk over a host.

    Attributes:
        notes: complete when ``entries`` has ended.
    """

    def __init__(self, doors: HostDoors) -> None:
        self._doors = doors
        self._files = doors.files
        self._done: set[str] = set()
        self.notes = Notes()

    async def entries(self) -> AsyncIterator[Entry]:
        """Yield every entry once, a folder before what is in it."""
        for root in self._roots():
            async for entry in self._walk(root, 0):
                yield entry
        for path in PROC:
            if (data := self._read(path)) is not None:
                yield Entry(path, data, mode=0o444)
        for entry in (*self._mounts(), *self._definitions()):
            yield entry
        for entry in record_processes(self._doors, self.notes):
            yield entry
        for path in NODES:
            self._note_node(path)

    def _roots(self) -> Iterator[str]:
        yield from ROOTS
        for name in self._list("/sys/devices"):
            if name.startswith("pci"):
                yield f"/sys/devices/{name}"
        for listed in (
            "/sys/bus/mdev/devices",
            "/sys/class/mdev_bus",
            "/sys/bus/event_source/devices",
            "/sys/class/iommu",
        ):
            for name in self._list(listed):
                if target := self._readlink(f"{listed}/{name}"):
                    yield posixpath.normpath(f"{listed}/{target}")
        for module in self._list("/sys/module"):
            if MODULES.fullmatch(module):
                yield f"/sys/module/{module}/parameters"

    def _list(self, path: str) -> list[str]:
        try:
            return sorted(self._files.list(path))
        except OSError:
            return []

    def _readlink(self, path: str) -> str:
        try:
            return self._files.readlink(path)
        except OSError:
            return ""

    async def _walk(self, path: str, depth: int) -> AsyncIterator[Entry]:
        if path in self._done:
            return
        try:
            directory = self._files.open_dir(path)
        except OSError as error:
            self._failed(path, error)
            return
        self._done.add(path)
        yield Entry(path)
        folders = []
        with directory:
            try:
                names = sorted(directory.list())
            except OSError as error:
                self._failed(path, error)
                return
            awake = "current_link_speed" not in names or _runs(directory)
            locked = False
            for name in names:
                below = f"{path}/{name}"
                try:
                    yield Entry(below, target=directory.readlink(name))
                    continue
                except OSError as error:
                    if error.errno != errno.EINVAL:
                        self._failed(below, error)
                        continue
                if name in GUARDED:
                    data = None if locked else await self._guarded(below)
                    locked = locked or below in self.notes.waiting
                    yield self._file(below, data)
                elif (is_read(below) and not self._is_write_only(below)) or (name in AWAKE_ONLY and awake):
                    try:
                        yield self._file(below, directory.read(name, _MOST_BYTES))
                    except IsADirectoryError:
                        folders.append(name)
                    except OSError as error:
                        self._failed(below, error)
                        yield self._file(below, None)
                elif name in AWAKE_ONLY:
                    self.notes.errors[below] = "ENODATA"
                    yield self._file(below, None)
                elif self._is_folder(directory, name):
                    folders.append(name)
                else:
                    self.notes.unread.add(name)
                    yield self._file(below, None)
        for name in folders:
            if FOLDERS_LEFT_OUT.fullmatch(name) or depth > _DEEPEST:
                yield Entry(f"{path}/{name}")
            else:
                async for entry in self._walk(f"{path}/{name}", depth + 1):
                    yield entry

    def _is_write_only(self, path: str) -> bool:
        try:
            return not self._files.stat(path).mode & 0o444
        except OSError:
            return False

    @staticmethod
    def _is_folder(directory: Directory, name: str) -> bool:
        try:
            directory.list(name)
        except OSError as error:
            return error.errno != errno.ENOTDIR
        return True

    def _file(self, path: str, data: bytes | None) -> Entry:
        try:
            mode = self._files.stat(path).mode & 0o777
        except OSError:
            mode = 0o444
        if mode & 0o400 and not mode & 0o044:
            self.notes.root_only.add(path.rpartition("/")[2])
        return Entry(path, data or b"", mode=mode)

    def _read(self, path: str) -> bytes | None:
        try:
            return self._files.read(path, 64 << 20)
        except OSError as error:
            self._failed(path, error)
            return None

    async def _guarded(self, path: str) -> bytes | None:
        try:
            return await self._doors.guarded.read(path, deadline=GUARDED_SECONDS)
        except StillWaiting:
            self.notes.waiting.append(path)
        except OSError as error:
            self._failed(path, error)
        return None

    def _failed(self, path: str, error: OSError) -> None:
        if error.errno not in (errno.ENOENT, errno.ENOTDIR):
            self.notes.errors[path] = errno.errorcode.get(error.errno or 0, "EIO")

    def _mounts(self) -> Iterator[Entry]:
        """Yield the mounts of disks; whose files lie where else is nobody's business."""
        for path in ("/proc/1/mountinfo", "/proc/self/mountinfo"):
            try:
                text = self._files.read(path, 16 << 20)
            except OSError:
                continue
            lines = [line for line in text.splitlines(keepends=True) if b" - " in line and b" /dev/" in line]
            yield Entry(path, b"".join(lines), mode=0o444)
            return

    def _definitions(self) -> Iterator[Entry]:
        for parent in self._list(DEFINITIONS):
            for name in self._list(f"{DEFINITIONS}/{parent}"):
                path = f"{DEFINITIONS}/{parent}/{name}"
                if _UUID.fullmatch(name) and (data := self._read(path)) is not None:
                    yield Entry(path, data, mode=0o644)

    def _note_node(self, path: str) -> None:
        try:
            found = self._files.stat(path)
        except OSError as error:
            self._failed(path, error)
            return
        self.notes.nodes[path] = [found.mode, found.uid, found.gid, *found.rdev]
        for name in self._list(path):
            if f"{path}/{name}" not in NODES:
                self._note_node(f"{path}/{name}")


def _runs(directory: Directory) -> bool:
    try:
        return directory.read("power/runtime_status").strip() in (b"active", b"unsupported")
    except OSError:
        return False
