"""Files of a foreign tree: another host's /sys and /proc, below folders of this machine."""

from __future__ import annotations

import errno
import os
import stat
from types import TracebackType

from backend.host.beneath import Root
from backend.host.directory import READ, LinuxDirectory, read_whole
from backend.host.doors import Directory, FileStat, stat_of


class TreeDirectory:
    """A directory of a tree. Links below it are resolved within the tree, so every access begins at its root."""

    __slots__ = ("_files", "_path")

    def __init__(self, files: TreeFiles, path: str) -> None:
        self._files = files
        self._path = path
        os.close(files.open(path, os.O_PATH | os.O_DIRECTORY))

    def read(self, name: str, limit: int = 4096) -> bytes:
        """Return at most ``limit`` bytes of the file ``name``."""
        return self._files.read(f"{self._path}/{name}", limit)

    def readlink(self, name: str) -> str:
        """Return the target of the symbolic link ``name``, as stored."""
        return self._files.readlink(f"{self._path}/{name}")

    def list(self, name: str = ".") -> list[str]:
        """Return the names in this directory, or in the one below it called ``name``, unsorted."""
        return self._files.list(f"{self._path}/{name}")

    def close(self) -> None:
        """Nothing is held."""

    def __enter__(self) -> TreeDirectory:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()


class TreeFiles:
    """A foreign /sys, with or without its /proc. Nothing of this machine shows through.

    Args:
        roots: the kernel's own path, as in "/sys", → the folder that stands for it.
    """

    def __init__(self, roots: dict[str, str]) -> None:
        self._roots = {path: Root(folder) for path, folder in roots.items()}

    def open(self, path: str, flags: int) -> int:
        """Return a descriptor. Raises ``OSError`` as open(2) does, ``FileNotFoundError`` for what is not here."""
        root, below = self._find(path)
        return root.open(below, flags)

    def _find(self, path: str) -> tuple[Root, str]:
        for prefix, root in self._roots.items():
            if path == prefix or path.startswith(f"{prefix}/"):
                return root, path[len(prefix) :]
        raise FileNotFoundError(errno.ENOENT, "not part of this tree", path)

    def open_dir(self, path: str) -> Directory:
        """Open a directory."""
        root, below = self._find(path)
        return LinuxDirectory(f"{root.path}{below}") if root.genuine else TreeDirectory(self, path)

    def list(self, path: str) -> list[str]:
        """Return the names in a directory, unsorted."""
        fd = self.open(path, os.O_RDONLY | os.O_DIRECTORY)
        try:
            return os.listdir(fd)
        finally:
            os.close(fd)

    def read(self, path: str, limit: int = 65536) -> bytes:
        """Return at most ``limit`` bytes of a file; files of /proc come in several reads."""
        return read_whole(self.open(path, READ), limit)

    def readlink(self, path: str) -> str:
        """Return the target of a symbolic link, as stored."""
        fd = self.open(path, os.O_PATH | os.O_NOFOLLOW)
        try:
            if not stat.S_ISLNK(os.fstat(fd).st_mode):
                raise OSError(errno.EINVAL, os.strerror(errno.EINVAL), path)
            return os.readlink("", dir_fd=fd)
        finally:
            os.close(fd)

    def stat(self, path: str) -> FileStat:
        """Return who may use the file ``path`` (links are followed)."""
        fd = self.open(path, os.O_PATH)
        try:
            return stat_of(os.fstat(fd))
        finally:
            os.close(fd)

    def location(self, path: str) -> str:
        """Return where the file the kernel calls ``path`` really lies. Raises ``FileNotFoundError``."""
        fd = self.open(path, os.O_PATH)
        try:
            return os.readlink(f"/proc/self/fd/{fd}")
        finally:
            os.close(fd)
