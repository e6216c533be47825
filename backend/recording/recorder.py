"""Writes a host and its readings down as they come."""

from __future__ import annotations

import os
from collections.abc import Sequence
from pathlib import Path

from backend.host.doors import Clock
from backend.model.counters import Reading, Stamp
from backend.model.delta import Delta
from backend.recording.frames import HEAD, Kind, pack
from backend.recording.picture import changed, step, whole
from backend.recording.readings import Key, ReadingWriter

TICKS = 300
"""Ticks of a segment: how far back a reader has to begin to show any moment."""
BYTES = 4 << 20
"""Bytes of a segment after which the next begins."""
LEAST_LIMIT = 1 << 20

_FULL, _KEPT, _SEGMENT = 1 / 2, 1 / 3, 1 / 12
"""Shares of the limit: where the oldest is left out, what of the newest is kept then, what a segment may have. While
the newest is copied, all of it together is below the limit."""
_CHUNK = 1 << 20
_FLAGS = os.O_RDWR | os.O_CREAT | os.O_EXCL | os.O_APPEND | os.O_CLOEXEC


class Recorder:
    """One recording that is being made.

    The file is made anew, readable by its owner alone. Every frame is one write at its end.

    Args:
        path: the file; it must not be there, unless with ``replacing``. Raises what open(2) says.
        clock: the host's own time.
        limit: bytes that the recording may take on the disk; the oldest goes first. None: no limit.

    Attributes:
        ticks: ticks written so far.
        readings: readings written so far.
        written: bytes written so far, with what was left out since.
        subjects: whatever was measured.
    """

    def __init__(self, path: Path, clock: Clock, limit: int | None = None, *, replacing: bool = False) -> None:
        self._path = path
        self._clock = clock
        self._limit = limit
        self._longest = BYTES if limit is None else min(BYTES, int(limit * _SEGMENT))
        if replacing:
            path.unlink(missing_ok=True)
        self._file = os.open(path, _FLAGS, 0o600)
        self._size = 0
        self._number = 0
        self._starts: list[int] = []
        self._left = 0
        self._waiting: list[Reading] = []
        self._gone: set[Key] = set()
        self._encoder = ReadingWriter()
        self.ticks = self.readings = self.written = 0
        self.subjects: set[str] = set()
        self._append(HEAD)

    @property
    def size(self) -> int:
        """Bytes that the file has now."""
        return self._size

    def listen(self, readings: Sequence[Reading], gone: Sequence[Key]) -> None:
        """Take readings for the next tick: a listener of ``backend.counters.meter``."""
        if gone:
            self._gone.update(gone)
            self._waiting = [r for r in self._waiting if (r.subject, r.set.id, r.instance) not in self._gone]
        self._waiting += readings

    def tick(self, delta: Delta) -> None:
        """Write down what changed and what was read since the last tick. Raises ``OSError``: the file is whole then."""
        if self._left <= 0 or self._size - self._starts[-1] >= self._longest:
            self._begin(delta)
        elif changed(delta):
            self._write(Kind.CHANGE, step(delta))
        self._left -= 1
        if self._waiting or self._gone:
            at = Stamp(self._clock.monotonic(), self._clock.boottime())
            self._write(Kind.TICK, self._encoder.write(at, self._waiting, self._gone))
            self.ticks += 1
            self.readings += len(self._waiting)
            self.subjects.update(reading.subject for reading in self._waiting)
            self._waiting, self._gone = [], set()

    def close(self, *, ended: bool = True) -> None:
        """Close the file; ``ended`` says in it that nothing more was to come."""
        try:
            if ended and self._number:
                self._write(Kind.END, b"")
        finally:
            os.close(self._file)

    def _begin(self, delta: Delta) -> None:
        if self._limit is not None and self._size >= self._limit * _FULL:
            self._shorten(int(self._limit * _KEPT))
        self._starts.append(self._size)
        self._left = TICKS
        self._encoder.begin()
        self._write(Kind.START, whole(delta.new))

    def _shorten(self, kept: int) -> None:
        """Leave out the oldest segments: the rest is copied beside the file and takes its place as a whole."""
        start = next((start for start in self._starts if self._size - start <= kept), self._size)
        beside = self._path.with_name(f".{self._path.name}.{os.getpid()}")
        file = os.open(beside, _FLAGS, 0o600)
        try:
            _write_all(file, HEAD)
            for place in range(start, self._size, _CHUNK):
                _write_all(file, os.pread(self._file, min(_CHUNK, self._size - place), place))
            beside.replace(self._path)
        except BaseException:
            os.close(file)
            beside.unlink(missing_ok=True)
            raise
        os.close(self._file)
        cut = start - len(HEAD)
        self._file, self._size = file, self._size - cut
        self._starts = [one - cut for one in self._starts if one >= start]

    def _write(self, kind: Kind, payload: bytes) -> None:
        self._append(pack(kind, self._number, self._clock.time(), payload))
        self._number += 1

    def _append(self, raw: bytes) -> None:
        try:
            _write_all(self._file, raw)
        except OSError:
            os.ftruncate(self._file, self._size)
            raise
        self._size += len(raw)
        self.written += len(raw)


def _write_all(file: int, raw: bytes) -> None:
    view = memoryview(raw)
    while view:
        view = view[os.write(file, view) :]
