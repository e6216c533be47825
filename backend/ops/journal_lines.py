"""The journal as lines of a file: ``CRC-32 in hex, a blank, JSON``, each bound to the one before it.

A line that was cut or changed is never taken for a record; lines that were changed on purpose, with their checksum
made right again, or removed, break the chain.
"""

from __future__ import annotations

import hashlib
import zlib
from dataclasses import dataclass, field

import msgspec

from backend.ops.codec import plain
from backend.ops.ledger import BadRecord, Ledger, Record

_CHECKSUM = 8


class _Line(msgspec.Struct, frozen=True):
    after: str
    """Digest of the line before; "" for the first."""
    record: Record


_ENCODER = msgspec.json.Encoder(enc_hook=plain)
_DECODER = msgspec.json.Decoder(_Line)


def digest(line: bytes) -> str:
    """Return what the next line names this one by; ``line`` without its newline."""
    return hashlib.sha256(line).hexdigest()[:32]


def encode(record: Record, after: str) -> bytes:
    """Return the line of a record, with its newline."""
    text = _ENCODER.encode(_Line(after, record))
    return b"%08x %s\n" % (zlib.crc32(text), text)


@dataclass(slots=True)
class Reader:
    """Reads lines one after the other, and gives what is whole to a ledger."""

    ledger: Ledger
    taken: int = 0
    """Bytes of complete lines so far."""
    after: str = ""
    """Digest of the last line."""
    damage: list[str] = field(default_factory=list)
    _number: int = 0
    _broken: bool = False

    def feed(self, data: bytes) -> None:
        """Read all complete lines of ``data``, which follows what was taken. A last line without end is left."""
        whole = data[: data.rfind(b"\n") + 1]
        for line in whole.split(b"\n")[:-1]:
            self._number += 1
            self._read(line)
            self.after = digest(line)
        self.taken += len(whole)

    def _read(self, line: bytes) -> None:
        text = line[_CHECKSUM + 1 :]
        if line[: _CHECKSUM + 1] != b"%08x " % zlib.crc32(text):
            self._report("its checksum is wrong")
            self._broken = True
            return
        try:
            found = _DECODER.decode(text)
        except (msgspec.DecodeError, RecursionError) as error:
            self._report(f"another version of iovtop may have written it ({error})")
            return
        if found.after != self.after and not self._broken:
            self._report("it does not follow from the line before: lines were changed or removed")
        self._broken = False
        try:
            self.ledger.take(found.record)
        except BadRecord as error:
            self._report(str(error))

    def _report(self, what: str) -> None:
        self.damage.append(f"line {self._number} of the journal: {what}")
