"""The frames of a recording: how each is told whole from torn or damaged.

A file begins with ``MAGIC`` and the number of its format, two bytes, low one first. Frames follow, each with a header:
``SYNC``, kind, number, seconds since the epoch, length of the payload, CRC-32 of all this and the payload. A payload
is deflated.

Whatever is written is appended as a whole frame. A file that was cut off, by kill -9 or a full disk, has lost its
last frame at most; after a damaged frame reading goes on at the next ``START``, which needs nothing before it.
"""

from __future__ import annotations

import mmap
import struct
import zlib
from collections.abc import Iterator
from dataclasses import dataclass
from enum import IntEnum

MAGIC = b"iovtop recording"
FORMAT = 1
HEAD = MAGIC + FORMAT.to_bytes(2, "little")

SYNC = b"\xf1ioR"
_HEADER = struct.Struct("<4sBIdII")
MOST = 64 << 20
"""Bytes that a payload may have, deflated or not: a damaged length asks for no more."""

Raw = bytes | mmap.mmap


class Kind(IntEnum):
    """What a frame holds."""

    START = 1
    """The whole host: a segment begins, and nothing before it is needed to read on."""
    CHANGE = 2
    """What changed of the host."""
    TICK = 3
    """Readings, as differences from those before in the segment."""
    END = 4
    """The recording was ended, not cut off."""


class BadRecording(Exception):
    """A file that is no recording, or not one that this version reads. The message says which and what to do."""


@dataclass(frozen=True, slots=True)
class Frame:
    """A frame that is whole."""

    kind: Kind
    number: int
    time: float
    """Seconds since the epoch."""
    payload: bytes
    """Inflated."""
    offset: int
    """Where it begins in the file."""
    end: int


@dataclass(frozen=True, slots=True)
class Gap:
    """A part of the file that cannot be read."""

    offset: int
    end: int
    torn: bool
    """Whether the file simply stops there: it was cut off, or somebody is still writing."""


def pack(kind: Kind, number: int, time: float, payload: bytes) -> bytes:
    """Return a frame."""
    deflated = zlib.compress(payload, 1)
    plain = _HEADER.pack(SYNC, kind, number & 0xFFFFFFFF, time, len(deflated), 0)
    return _HEADER.pack(SYNC, kind, number & 0xFFFFFFFF, time, len(deflated), _sum(plain, deflated)) + deflated


def check_head(raw: bytes, name: str) -> None:
    """Raise ``BadRecording`` unless ``raw`` is the beginning of a recording that this version reads."""
    if not raw:
        raise BadRecording(f"{name} is empty: nothing was recorded in it")
    if not raw.startswith(MAGIC):
        raise BadRecording(f"{name} is not a recording of iovtop: `iovtop record` makes one, `iovtop capture` does not")
    number = int.from_bytes(raw[len(MAGIC) : len(HEAD)], "little")
    if number > FORMAT:
        raise BadRecording(f"{name} was made by a newer iovtop (format {number}, this one reads {FORMAT}): update it")
    if raw[: len(HEAD)] != HEAD:
        raise BadRecording(f"{name} is damaged in its first bytes: it names format {number}, which never was")


def scan(raw: Raw) -> Iterator[Frame | Gap]:
    """Yield every frame of a whole file that can be used, and the gaps between them, in order.

    After a gap, frames that would need what is lost are part of it.
    """
    place, lost, number = len(HEAD), -1, -1
    while place < len(raw):
        frame = frame_at(raw, place)
        if frame is not None and (frame.kind is Kind.START or (lost < 0 and frame.number == number + 1)):
            if lost >= 0:
                yield Gap(lost, place, torn=False)
                lost = -1
            yield frame
            number = frame.number
        elif lost < 0:
            lost = place
        place = frame.end if frame is not None else _next(raw, place)
    if lost >= 0:
        yield Gap(lost, len(raw), torn=_is_torn(raw, lost))


def frame_at(raw: Raw, place: int) -> Frame | None:
    """Return the frame that begins at a place of a file, or None where none does that is whole."""
    if place + _HEADER.size > len(raw) or raw[place : place + len(SYNC)] != SYNC:
        return None
    sync, kind, number, time, length, stated = _HEADER.unpack_from(raw, place)
    end = place + _HEADER.size + length
    if length > MOST or end > len(raw):
        return None
    deflated = raw[place + _HEADER.size : end]
    if _sum(_HEADER.pack(sync, kind, number, time, length, 0), deflated) != stated:
        return None
    try:
        inflate = zlib.decompressobj()
        payload = inflate.decompress(deflated, MOST)
        return Frame(Kind(kind), number, time, payload, place, end) if inflate.eof else None
    except (zlib.error, ValueError):
        return None


def _next(raw: Raw, place: int) -> int:
    found = raw.find(SYNC, place + 1)
    return found if found >= 0 else len(raw)


def _is_torn(raw: Raw, place: int) -> bool:
    """Return whether what begins at ``place`` would be a frame if the file went on."""
    left = len(raw) - place
    if left < _HEADER.size:
        return bytes(raw[place : place + len(SYNC)]) == SYNC[:left]
    sync, kind, _, _, length, _ = _HEADER.unpack_from(raw, place)
    return sync == SYNC and kind in list(Kind) and left < _HEADER.size + length <= MOST


def _sum(header: bytes, payload: bytes) -> int:
    return zlib.crc32(payload, zlib.crc32(header))
