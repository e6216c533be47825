"""The door to the simulated files."""

from __future__ import annotations

import errno
from types import TracebackType

from backend.host.doors import FileStat
from backend.simhost.access import Access
from backend.simhost.tree import Attr, DeviceNode, Dir, File, oops


class SimulatedDirectory:
    """One open directory of the simulated tree."""

    __slots__ = ("_access", "_dir", "_open", "_path")

    def __init__(self, access: Access, directory: Dir, path: str) -> None:
        self._access = access
        self._dir = directory
        self._path = path
        self._open = True

    def _enter(self, name: str) -> None:
        if not self._open:
            raise oops(errno.EBADF, name)
        self._access.enter(name)
        if self._dir.gone():
            raise oops(errno.ENOENT, name)

    def read(self, name: str, limit: int = 4096) -> bytes:
        """Return at most ``limit`` bytes of the file ``name``."""
        with self._access.lock:
            self._enter(name)
            return self._access.content(self._dir, name, limit, f"{self._path}/{name}")

    def readlink(self, name: str) -> str:
        """Return the target of the symbolic link ``name``, as stored."""
        with self._access.lock:
            self._enter(name)
            return self._access.tree.text(self._dir, name)

    def list(self, name: str = ".") -> list[str]:
        """Return the names in this directory, or in the one below it; none once the device is gone."""
        with self._access.lock:
            if not self._open:
                raise oops(errno.EBADF, name)
            self._access.enter(name)
            if name == ".":
                return [] if self._dir.gone() else self._dir.names()
            if self._dir.gone():
                raise oops(errno.ENOENT, name)
            return self._access.tree.directory(self._dir, name).names()

    def close(self) -> None:
        """Close it. Closing twice is harmless."""
        self._open = False

    def __enter__(self) -> SimulatedDirectory:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()


class SimulatedFiles:
    """Files of the simulated tree."""

    def __init__(self, access: Access) -> None:
        self._access = access

    def open_dir(self, path: str) -> SimulatedDirectory:
        """Open a directory."""
        access = self._access
        with access.lock:
            access.enter(path)
            return SimulatedDirectory(access, access.tree.directory(access.tree.root, path), path)

    def list(self, path: str) -> list[str]:
        """Return the names in a directory, unsorted."""
        with self._access.lock:
            self._access.enter(path)
            return self._access.tree.directory(self._access.tree.root, path).names()

    def read(self, path: str, limit: int = 65536) -> bytes:
        """Return at most ``limit`` bytes of a file."""
        with self._access.lock:
            self._access.enter(path)
            return self._access.content(self._access.tree.root, path, limit)

    def readlink(self, path: str) -> str:
        """Return the target of a symbolic link, as stored."""
        with self._access.lock:
            self._access.enter(path)
            return self._access.tree.text(self._access.tree.root, path)

    def stat(self, path: str) -> FileStat:
        """Return who may use the file ``path``."""
        with self._access.lock:
            self._access.enter(path)
            _, node = self._access.tree.find(self._access.tree.root, path)
            if isinstance(node, DeviceNode):
                return FileStat(node.mode, node.uid, node.gid, node.rdev)
            if isinstance(node, Dir):
                return FileStat(0o040755, 0, 0)
            return FileStat(0o100000 | node.mode if isinstance(node, Attr | File) else 0o120777, 0, 0)
