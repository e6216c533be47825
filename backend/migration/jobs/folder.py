"""Where jobs are kept: a folder for each, with a record that is always whole, and the socket on which it listens."""

from __future__ import annotations

import os
import shutil
import zlib
from collections.abc import Iterator
from pathlib import Path

import msgspec

from backend.model.job import Job, Move
from backend.model.operation import Who
from backend.model.text import clean

_RECORD, _NEW = "record", "record.new"
_CHECKSUM = 8
_DECODER = msgspec.json.Decoder(Job)
_MOST = 10_000


class NoJob(LookupError):
    """There is no such job, or its record is damaged. The message is one sentence."""


class JobFolder:
    """The jobs of one state folder.

    Args:
        state: such as ``/var/lib/iovtop``; the jobs are in ``jobs`` below it.
    """

    def __init__(self, state: Path) -> None:
        self.state = state
        self.root = state / "jobs"

    def path(self, number: int) -> Path:
        """Return the folder of a job."""
        return self.root / str(number)

    def add(self, move: Move, who: Who, now: float) -> Job:
        """Return a new job, whose record is written. Raises ``OSError``."""
        self.root.mkdir(parents=True, mode=0o700, exist_ok=True)
        number = max(self.numbers(), default=0) + 1
        while True:
            try:
                self.path(number).mkdir(mode=0o700)
                break
            except FileExistsError:
                number += 1
        job = Job(number, move, who, now, released=not move.hold)
        self.write(job, sync=True)
        return job

    def write(self, job: Job, *, sync: bool = False) -> None:
        """Replace a job's record. Whatever happens, it is the old one or the new one. Raises ``OSError``.

        Args:
            sync: whether it must outlive a power cut.
        """
        folder = self.path(job.number)
        text = msgspec.json.encode(job)
        descriptor = os.open(folder / _NEW, os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_CLOEXEC | os.O_NOFOLLOW, 0o600)
        with open(descriptor, "wb") as file:
            file.write(b"%08x %s\n" % (zlib.crc32(text), text))
            if sync:
                file.flush()
                os.fsync(descriptor)
        os.replace(folder / _NEW, folder / _RECORD)

    def read(self, number: int) -> Job:
        """Return a job. Raises ``NoJob``."""
        try:
            line = (self.path(number) / _RECORD).read_bytes()
        except FileNotFoundError:
            raise NoJob(f"there is no job {number}") from None
        except OSError as error:
            raise NoJob(f"job {number} cannot be read: {error.strerror}") from error
        text = line[_CHECKSUM + 1 :].rstrip(b"\n")
        if line[: _CHECKSUM + 1] != b"%08x " % zlib.crc32(text):
            raise NoJob(f"the record of job {number} is damaged: {self.path(number) / _RECORD}")
        try:
            return _DECODER.decode(text)
        except msgspec.MsgspecError as error:
            raise NoJob(f"job {number} is of another version of iovtop ({clean(str(error), 200)})") from error

    def numbers(self) -> list[int]:
        """Return the numbers of all jobs, in order."""
        try:
            names = os.listdir(self.root)
        except OSError:
            return []
        return sorted(int(name) for name in names if name.isdecimal())[-_MOST:]

    def jobs(self) -> Iterator[Job | NoJob]:
        """Yield all jobs, the oldest first, and what is wrong with those that cannot be read."""
        for number in self.numbers():
            try:
                yield self.read(number)
            except NoJob as error:
                yield error

    def stamp(self, number: int) -> tuple[int, int]:
        """Return what changes whenever the record does."""
        try:
            found = (self.path(number) / _RECORD).stat()
        except OSError:
            return 0, 0
        return found.st_ino, found.st_mtime_ns

    def stamp_of_all(self) -> int:
        """Return what changes whenever a job is added or removed."""
        try:
            return self.root.stat().st_mtime_ns
        except OSError:
            return 0

    def remove(self, number: int) -> None:
        """Forget a job. Raises ``OSError``."""
        shutil.rmtree(self.path(number))
