"""The journal on disk: append-only, written through before and after each step, one writer at a time.

A crash at any moment leaves whole lines and at most one that is torn: it never counted, and is cut off by the next
write. What does not fit on the disk is taken back, and reported before anything was changed.
"""

from __future__ import annotations

import contextlib
import errno
import fcntl
import os
import stat
from collections.abc import Iterator, Sequence
from pathlib import Path

from backend.host.doors import Clock
from backend.model.operation import Entry
from backend.ops.errors import Busy, JournalUnreadable, JournalUnwritable
from backend.ops.journal import RecordingJournal
from backend.ops.journal_lines import Reader, encode
from backend.ops.ledger import Ledger, Record

FOLDER = Path("/var/lib/iovtop")
"""Where the journal of this machine is kept, whoever changes it."""

_WRITE = os.O_RDWR | os.O_CREAT | os.O_APPEND | os.O_CLOEXEC | os.O_NOFOLLOW
_READ = os.O_RDONLY | os.O_CLOEXEC | os.O_NOFOLLOW

_REMEDIES = {
    errno.ENOSPC: "make room on that file system",
    errno.EDQUOT: "make room: the quota is used up",
    errno.EROFS: "that file system is mounted read-only: mount it for writing",
    errno.EACCES: "run as root",
    errno.EPERM: "run as root",
    errno.ELOOP: "a symbolic link is in its place: remove it",
}


class FileJournal(RecordingJournal):
    """The journal of one host.

    Args:
        folder: where it is kept, made at the first write; only its owner may read it.
    """

    def __init__(self, folder: Path, clock: Clock) -> None:
        super().__init__(clock)
        self.path = folder / "journal"
        self._lock_path = folder / "journal.lock"
        self._reader = Reader(self._ledger)
        self._inode = 0
        self._descriptor = -1
        """Open for writing while this process holds the lock."""

    @contextlib.contextmanager
    def exclusive(self) -> Iterator[None]:
        """Hold the lock of all who change this host. Raises ``Busy``, ``JournalUnwritable``."""
        with self._unwritable():
            self.path.parent.mkdir(parents=True, mode=0o700, exist_ok=True)
            lock = os.open(self._lock_path, _WRITE & ~os.O_APPEND, 0o600)
        try:
            _lock(lock)
            with self._unwritable():
                self._descriptor = self._open()
            try:
                with self._unwritable():
                    self._catch_up(self._descriptor)
                yield
            finally:
                os.close(self._descriptor)
                self._descriptor = -1
        finally:
            os.close(lock)

    def _open(self) -> int:
        new = not self.path.exists()
        descriptor = os.open(self.path, _WRITE, 0o600)
        found = os.fstat(descriptor)
        if not stat.S_ISREG(found.st_mode) or found.st_uid != os.geteuid():
            os.close(descriptor)
            raise JournalUnwritable(f"the journal {self.path} is no file of this user's", "move it out of the way")
        if new:
            folder = os.open(self.path.parent, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
            try:
                os.fsync(folder)
            finally:
                os.close(folder)
        return descriptor

    def _keep(self, record: Record) -> None:
        assert self._descriptor >= 0, "hold the lock first"
        line = encode(record, self._reader.after)
        with self._unwritable():
            if os.fstat(self._descriptor).st_size != self._reader.taken:
                os.ftruncate(self._descriptor, self._reader.taken)
            try:
                written = os.write(self._descriptor, line)
                if written != len(line):
                    raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
                os.fdatasync(self._descriptor)
            except OSError:
                with contextlib.suppress(OSError):  # else the next write cuts it off
                    os.ftruncate(self._descriptor, self._reader.taken)
                raise
        self._reader.feed(line)

    @contextlib.contextmanager
    def _unwritable(self) -> Iterator[None]:
        try:
            yield
        except OSError as error:
            why = error.strerror or str(error)
            remedy = _REMEDIES.get(error.errno or 0, "see dmesg")
            raise JournalUnwritable(f"the journal {self.path} cannot be written: {why}", remedy) from error

    def _catch_up(self, descriptor: int) -> None:
        """Read what was written since the last look."""
        found = os.fstat(descriptor)
        if found.st_ino != self._inode or found.st_size < self._reader.taken:
            self._read_anew(found.st_ino)
        parts = []
        offset = self._reader.taken
        while part := os.pread(descriptor, 1 << 20, offset):
            parts.append(part)
            offset += len(part)
        self._reader.feed(b"".join(parts))

    def _read_anew(self, inode: int) -> None:
        self._ledger = Ledger()
        self._reader = Reader(self._ledger)
        self._inode = inode

    def _look(self) -> None:
        if self._descriptor >= 0:
            return  # everything since the lock was taken is ours
        try:
            descriptor = os.open(self.path, _READ)
        except FileNotFoundError:
            self._read_anew(0)
            return
        except OSError as error:
            remedy = "run as root" if error.errno in (errno.EACCES, errno.EPERM) else ""
            raise JournalUnreadable(f"the journal {self.path} cannot be read: {error.strerror}", remedy) from error
        try:
            self._catch_up(descriptor)
        except OSError as error:
            raise JournalUnreadable(f"the journal {self.path} cannot be read: {error.strerror}") from error
        finally:
            os.close(descriptor)

    def entries(self) -> list[Entry]:
        """Return all operations, the oldest first. Raises ``JournalUnreadable``."""
        self._look()
        return self._ledger.entries()

    def damage(self) -> Sequence[str]:
        """Return which lines are not whole. Raises ``JournalUnreadable``."""
        self._look()
        return tuple(self._reader.damage)


def _lock(descriptor: int) -> None:
    """Take the lock, and leave word who has it. Raises ``Busy``."""
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        pid = os.pread(descriptor, 16, 0).decode("ascii", "replace").strip()
        who = f"pid {pid}" if pid.isdecimal() else "another process"
        raise Busy(f"{who} is changing this host at the moment", "wait until it is done") from None
    with contextlib.suppress(OSError):  # a full disk: the lock holds all the same
        os.ftruncate(descriptor, 0)
        os.pwrite(descriptor, b"%d\n" % os.getpid(), 0)
