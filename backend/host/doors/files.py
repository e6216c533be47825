"""Files below /sys, /proc and /dev that never take a device lock."""

from __future__ import annotations

import os
import stat
from dataclasses import dataclass
from types import TracebackType
from typing import Protocol, Self


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
