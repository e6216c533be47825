"""The state of a device in a file: a header of one page, then what the device gave.

The first line of the header tells the format; the second is the SHA-256 of the third, and the third is JSON, which has
size and SHA-256 of the state. Nothing of a file is given to a device before all of it was checked.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Iterator
from dataclasses import asdict, fields
from json import JSONDecodeError, dumps, loads
from typing import Any, BinaryIO

from backend.model.devstate import About, Header

HEADER = 4096
"""Bytes of the header."""

_MAGIC = b"iovtop device state 1\n"
_KIN = b"iovtop device state "
_CHUNK = 1 << 20


class BadStateFile(Exception):
    """A file that is no whole state of a device; one clause that says why."""


def write_state(file: BinaryIO, about: About, pieces: Iterable[bytes]) -> Header:
    """Write a state to an empty file and return its header."""
    file.seek(HEADER)
    digest, size = hashlib.sha256(), 0
    for piece in pieces:
        file.write(piece)
        digest.update(piece)
        size += len(piece)
    header = Header(about, size, digest.hexdigest())
    text = dumps(asdict(header)).encode()
    page = b"".join((_MAGIC, hashlib.sha256(text).hexdigest().encode(), b"\n", text, b"\n"))
    if len(page) > HEADER:
        raise BadStateFile(f"what is to be said of it takes {len(page)} bytes of {HEADER}")
    file.seek(0)
    file.write(page.ljust(HEADER, b"\0"))
    return header


def parse_header(page: bytes) -> Header:
    """Return what the first page of a file says. Raises ``BadStateFile``."""
    if not page.startswith(_MAGIC):
        newer = page.startswith(_KIN)
        raise BadStateFile("it is of another version of iovtop" if newer else "it is no state of a device")
    if len(page) < HEADER:
        raise BadStateFile("it ends within its header")
    checksum, _, rest = page[len(_MAGIC) : HEADER].partition(b"\n")
    text = rest.partition(b"\n")[0]
    if hashlib.sha256(text).hexdigest().encode() != checksum:
        raise BadStateFile("its header is damaged")
    try:
        found = loads(text)
        return Header(_about(found["about"]), int(found["size"]), str(found["sha256"]))
    except (JSONDecodeError, KeyError, TypeError, ValueError) as error:
        raise BadStateFile("its header does not say what it must") from error


def _about(found: dict[str, Any]) -> About:
    return About(**{field.name: found[field.name] for field in fields(About)})


def check_state(file: BinaryIO) -> Header:
    """Read a whole file. Raises ``BadStateFile`` unless every byte is as it was written."""
    header = parse_header(file.read(HEADER))
    digest, size = hashlib.sha256(), 0
    for piece in _pieces(file):
        digest.update(piece)
        size += len(piece)
    if size != header.size:
        raise BadStateFile(f"it has {size} bytes of state, and should have {header.size}")
    if digest.hexdigest() != header.sha256:
        raise BadStateFile("the state in it is damaged")
    return header


def read_state(file: BinaryIO) -> Iterator[bytes]:
    """Yield the state of a file that was checked."""
    file.seek(HEADER)
    yield from _pieces(file)


def _pieces(file: BinaryIO) -> Iterator[bytes]:
    while piece := file.read(_CHUNK):
        yield piece
