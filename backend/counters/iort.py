"""Which SMMU translates for a PCI function on Arm, by which stream id, and which PMCG counts for that SMMU.

All of it stands in the firmware's IO Remapping Table alone (Arm DEN 0049).
"""

from __future__ import annotations

import struct
from collections.abc import Iterator
from dataclasses import dataclass

from backend.host.doors import Files

TABLE = "/sys/firmware/acpi/tables/IORT"

_NODE = struct.Struct("<BHBIII")
_MAPPING = struct.Struct("<IIIII")
_ROOT_COMPLEX, _SMMU_V3, _PMCG = 2, 4, 5
_PAGE = 12
"""The driver names a PMCG by the number of the page that its registers begin at."""


@dataclass(frozen=True, slots=True)
class Stream:
    """How a function's accesses come to an SMMU."""

    id: int
    pmcgs: tuple[str, ...]
    """The PMUs that count for the SMMU, as in ``smmuv3_pmcg_2b442``."""


class Iort:
    """The table, parsed. Nonsense in it is left out."""

    def __init__(self, raw: bytes) -> None:
        self._raw = raw
        self._nodes = dict(self._walk())
        self._complexes: dict[int, list[int]] = {}
        self._counters: dict[int, list[str]] = {}
        for offset, kind in self._nodes.items():
            data = offset + _NODE.size
            if kind == _ROOT_COMPLEX and data + 16 <= len(raw):
                self._complexes.setdefault(struct.unpack_from("<I", raw, data + 12)[0], []).append(offset)
            elif kind == _PMCG and data + 16 <= len(raw):
                base, _, smmu = struct.unpack_from("<QII", raw, data)
                self._counters.setdefault(smmu, []).append(f"smmuv3_pmcg_{base >> _PAGE:x}")

    def stream_of(self, segment: int, requester: int) -> Stream | None:
        """Return how the function with a routing id in a segment comes to its SMMU; None where it comes to none."""
        for offset in self._complexes.get(segment, ()):
            for first, count, output, node in self._mappings(offset):
                # The table counts ids from zero: a count of 0 is one id.
                if first <= requester <= first + count and self._nodes.get(node) == _SMMU_V3:
                    return Stream(output + requester - first, tuple(self._counters.get(node, ())))
        return None

    def _walk(self) -> Iterator[tuple[int, int]]:
        raw = self._raw
        if len(raw) < 48 or raw[:4] != b"IORT":
            return
        count, offset = struct.unpack_from("<II", raw, 36)
        for _ in range(min(count, 4096)):
            if offset + _NODE.size > len(raw):
                return
            kind, length = _NODE.unpack_from(raw, offset)[:2]
            if length < _NODE.size:
                return
            yield offset, kind
            offset += length

    def _mappings(self, offset: int) -> Iterator[tuple[int, int, int, int]]:
        _, length, _, _, count, start = _NODE.unpack_from(self._raw, offset)
        for number in range(min(count, 1024)):
            place = offset + start + number * _MAPPING.size
            if start < _NODE.size or place + _MAPPING.size > min(len(self._raw), offset + length):
                return
            yield _MAPPING.unpack_from(self._raw, place)[:4]


def read_iort(files: Files) -> Iort | None:
    """Return the table; None where there is none, or where this user may not read it."""
    try:
        return Iort(files.read(TABLE, 1 << 20))
    except OSError:
        return None
