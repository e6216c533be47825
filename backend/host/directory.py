"""One open directory of a real file system."""

from __future__ import annotations

import os
from types import TracebackType

READ = os.O_RDONLY | os.O_CLOEXEC | os.O_NONBLOCK | os.O_NOCTTY
"""O_NONBLOCK: a FIFO in a foreign tree must not hang its reader; it means nothing to sysfs."""

_DIRECTORY = os.O_RDONLY | os.O_CLOEXEC | os.O_DIRECTORY

_PART = 1 << 20
"""Bytes of one read(2): /proc/sys answers ENOMEM when asked for 4 MiB at once."""


def read_whole(fd: int, limit: int) -> bytes:
    """Return at most ``limit`` bytes from a descriptor and close it; files of /proc come in several reads."""
    try:
        parts: list[bytes] = []
        while limit > 0 and (part := os.read(fd, min(limit, _PART))):
            parts.append(part)
            limit -= len(part)
        return b"".join(parts)
    finally:
        os.close(fd)


class LinuxDirectory:
    """An open directory; every access is relative to its descriptor."""

    __slots__ = ("_fd",)

    def __init__(self, path: str) -> None:
        self._fd = os.open(path, _DIRECTORY)

    def read(self, name: str, limit: int = 4096) -> bytes:
        """Return at most ``limit`` bytes of the file ``name``, read with one read(2)."""
        fd = os.open(name, READ, dir_fd=self._fd)
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
