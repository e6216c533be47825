"""The processes of a host, and programs that are started on it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol


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
