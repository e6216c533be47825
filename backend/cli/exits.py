"""Every exit code that iovtop uses, and the error that ends a command with one."""

from __future__ import annotations

from enum import IntEnum


class Exit(IntEnum):
    """What a command's end says."""

    OK = 0
    FINDING = 1
    """There is a finding of warning or worse (snapshot --check), an operation to be settled (recover), something in
    the way of a migration (why), or a host that is not as it was saved (boot changes)."""
    USAGE = 2
    """The command line, the configuration or a query is wrong; nothing was done."""
    PARTIAL = 3
    """Something could not be read (not: is hidden from this user); the rest is there."""
    NO_PERMISSION = 4
    """This user may not even list the devices, or may not change them."""
    NO_DEVICE = 5
    """What was named is not there; nothing was done."""
    REFUSED = 6
    """A condition does not hold, or somebody else changes this host; nothing was done."""
    FAILED = 7
    """A step failed or could not be written down, and what was done was said; or a VM did not move, and where it runs
    was said; or standard output did not take what was printed."""
    STUCK = 8
    """A step has not come back from the kernel; it goes on there."""
    CHANGED = 9
    """The host changed since it was looked at; nothing more was done."""
    CRASH = 70
    """A fault in iovtop itself; the message names the log file."""
    INTERRUPTED = 130
    """Ctrl-C, or a question that was answered with no."""
    BROKEN_PIPE = 141
    """Whoever read our output has gone."""


class CommandError(Exception):
    """Ends a command with one clear line on standard error.

    The message says what is wrong, where, and what to do.
    """

    def __init__(self, message: str, code: Exit = Exit.USAGE) -> None:
        super().__init__(message)
        self.code = code


class OutputError(OSError):
    """Standard output does not take what is printed, as on a full disk; it has a reader that is still there."""
