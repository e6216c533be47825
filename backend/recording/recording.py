"""A recording that is read: which moments it has, and what is lost of it."""

from __future__ import annotations

import bisect
import contextlib
import mmap
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from backend.model.counters import Reading
from backend.model.host import Host
from backend.recording.frames import HEAD, BadRecording, Frame, Gap, Kind, check_head, frame_at, scan
from backend.recording.picture import decode, follow
from backend.recording.readings import Key, ReadingReader


@dataclass(frozen=True, slots=True)
class Moment:
    """One step of a recording: what the host was then, and what was read and vanished since the moment before."""

    time: float
    """Seconds since the epoch."""
    host: Host
    readings: tuple[Reading, ...] = ()
    gone: tuple[Key, ...] = ()


class Recording:
    """A file, mapped. Every frame was looked at when it was opened.

    Attributes:
        gaps: what of the file cannot be read.
        ended: whether the recording was ended; otherwise it was cut off, or still goes on.
    """

    def __init__(self, path: Path) -> None:
        """Open a file. Raises ``BadRecording`` for what is none that this version reads, and ``OSError``."""
        self.path = path
        with path.open("rb") as file:
            check_head(file.read(len(HEAD)), str(path))
            self._raw = mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ)
        self.gaps: list[Gap] = []
        self.ended = False
        self._offsets: list[int] = []
        self._times: list[float] = []
        self._starts: list[int] = []
        """Places of the segments' beginnings among the frames."""
        for part in scan(self._raw):
            if isinstance(part, Gap):
                self.gaps.append(part)
            elif part.kind is Kind.END:
                self.ended = True
            else:
                if part.kind is Kind.START:
                    self._starts.append(len(self._offsets))
                self._offsets.append(part.offset)
                # A clock that was set back must not turn the order round: what came later is not earlier.
                self._times.append(max(part.time, self._times[-1] if self._times else part.time))
        if not self._offsets:
            self.close()
            raise BadRecording(f"{path} holds nothing that can be shown: {_why(self.gaps)}")

    @property
    def size(self) -> int:
        """Bytes of the file."""
        return len(self._raw)

    @property
    def first(self) -> float:
        """When it begins: seconds since the epoch."""
        return self._times[0]

    @property
    def last(self) -> float:
        """When it ends."""
        return self._times[-1]

    @property
    def frames(self) -> int:
        """How many steps it has."""
        return len(self._offsets)

    def moments(self, since: float | None = None) -> Iterator[Moment]:
        """Return its moments, from the segment that ``since`` lies in; None: from its beginning.

        Reading on raises ``BadRecording`` where the file has become another one meanwhile, or holds nonsense.
        """
        first = self._starts[0]
        if since is not None:
            place = max(0, bisect.bisect_right(self._times, since) - 1)
            first = self._starts[max(0, bisect.bisect_right(self._starts, place) - 1)]
        return self._from(first, len(self._offsets))

    def first_segment(self) -> Iterator[Moment]:
        """Yield the moments of its first segment. Raises as ``moments`` does."""
        return self._from(self._starts[0], self._starts[1] if len(self._starts) > 1 else len(self._offsets))

    def _from(self, first: int, end: int) -> Iterator[Moment]:
        host: Host | None = None
        reader = ReadingReader()
        for place in range(first, end):
            frame = frame_at(self._raw, self._offsets[place])
            if frame is None:
                raise BadRecording(f"{self.path} has changed since it was opened")
            try:
                if frame.kind is Kind.START:
                    reader = ReadingReader()
                moment = _moment(frame, self._times[place], host, reader)
            except ValueError as error:
                raise BadRecording(f"{self.path} holds nonsense at byte {frame.offset}: {error}") from error
            host = moment.host
            yield moment

    def close(self) -> None:
        """Let go of the file."""
        with contextlib.suppress(BufferError):
            self._raw.close()


def _moment(frame: Frame, time: float, host: Host | None, reader: ReadingReader) -> Moment:
    if frame.kind is not Kind.TICK:
        return Moment(time, follow(None if frame.kind is Kind.START else host, decode(frame.payload)))
    if host is None:
        raise ValueError("readings before there is a host")
    readings, gone = reader.read(frame.payload)
    return Moment(time, host, tuple(readings), tuple(gone))


def _why(gaps: list[Gap]) -> str:
    if not gaps:
        return "it was ended, or cut off, before the first moment was written"
    return "it was cut off within its first moment" if gaps[0].torn else "it is damaged"
