"""Writes files, directories and links below the root of a fake /sys."""

from __future__ import annotations

import os
from dataclasses import dataclass


@dataclass(slots=True)
class Counts:
    """How many inodes a tree took."""

    files: int = 0
    hardlinks: int = 0
    symlinks: int = 0
    directories: int = 0


class SysfsWriter:
    """A tree being written. Paths are as the kernel names them below /sys (``/bus/pci``).

    With ``hardlink`` equal read-only attributes share one inode, kept in ``ROOT.pool`` beside the tree:
    a quarter of the memory, and nobody may write to them.
    """

    def __init__(self, root: str, *, hardlink: bool = False) -> None:
        self.root = root.rstrip("/")
        self.hardlink = hardlink
        self.counts = Counts()
        self._pool: dict[tuple[bytes, int], str] = {}
        self._pool_dir = self.root + ".pool"
        if hardlink:
            os.makedirs(self._pool_dir, exist_ok=True)

    def directory(self, path: str) -> None:
        """Make one new directory."""
        os.mkdir(self.root + path, 0o755)
        self.counts.directories += 1

    def directories(self, path: str) -> None:
        """Make a directory and its parents, where they are missing."""
        os.makedirs(self.root + path, exist_ok=True)

    def exists(self, path: str) -> bool:
        """Return whether ``path`` was made."""
        return os.path.lexists(self.root + path)

    def link(self, path: str, target: str) -> None:
        """Make a relative symbolic link, as sysfs does, to ``target`` in the same tree."""
        here, there = path.split("/")[1:-1], target.split("/")[1:]
        same = 0
        while same < min(len(here), len(there)) and here[same] == there[same]:
            same += 1
        os.symlink("../" * (len(here) - same) + "/".join(there[same:]), self.root + path)
        self.counts.symlinks += 1

    def attribute(self, path: str, value: str | bytes, mode: int = 0o444, *, own: bool = False) -> None:
        """Write one attribute. ``own``: never share its inode, because its value is its own or changes."""
        data = value.encode() if isinstance(value, str) else value
        if not self.hardlink or own or (mode & 0o200 and data):
            self._create(self.root + path, data, mode)
            return
        shared = self._pool.get((data, mode))
        if shared is None:
            shared = f"{self._pool_dir}/{len(self._pool)}"
            self._pool[data, mode] = shared
            self._create(shared, data, mode)
        os.link(shared, self.root + path)
        self.counts.hardlinks += 1

    def _create(self, path: str, data: bytes, mode: int) -> None:
        descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, mode)
        try:
            if data:
                os.write(descriptor, data)
        finally:
            os.close(descriptor)
        self.counts.files += 1
