"""Decodes what the kernel says of each VF of a PF.

It writes the entries of one list alike: how one is laid out is learnt once, and holds for all that have the same types
and lengths at the same places. Sources: ``rtnl_fill_vfinfo``, ``include/uapi/linux/if_link.h``.
"""

from __future__ import annotations

import struct
from collections.abc import Iterator
from functools import lru_cache

from backend.model.links import TxRate, VfInfo, VfLinkState, VfStats, Vlan, VlanProtocol

_HEAD = struct.Struct("=HH")
_TYPE_MASK = 0x3FFF
"""Without the flags for nested and big-endian."""

_Path = tuple[int, ...]
_STATS, _VLAN_LIST = 8, 12
_NESTED = frozenset({(_STATS,), (_VLAN_LIST,)})
_FIELDS: dict[_Path, tuple[tuple[str, str], ...]] = {
    (1,): (("I", "index"), ("mac", "mac")),
    (2,): (("4x", ""), ("I", "vlan"), ("I", "qos")),
    (_VLAN_LIST, 1): (("4x", ""), ("I", "vlan"), ("I", "qos"), ("2s", "protocol")),
    (6,): (("4x", ""), ("I", "least"), ("I", "most")),
    (4,): (("4x", ""), ("i", "spoofcheck")),
    (5,): (("4x", ""), ("i", "link")),
    (9,): (("4x", ""), ("i", "trust")),
    (_STATS, 0): (("Q", "rx_packets"),),
    (_STATS, 1): (("Q", "tx_packets"),),
    (_STATS, 2): (("Q", "rx_bytes"),),
    (_STATS, 3): (("Q", "tx_bytes"),),
    (_STATS, 4): (("Q", "broadcast"),),
    (_STATS, 5): (("Q", "multicast"),),
    (_STATS, 7): (("Q", "rx_dropped"),),
    (_STATS, 8): (("Q", "tx_dropped"),),
}
"""Attribute within an entry → formats of what is in it, and their names."""
_COUNTERS = {fields[0][1] for path, fields in _FIELDS.items() if path[0] == _STATS}
_LINK_STATES = dict(enumerate(VfLinkState))
_PROTOCOLS = {b"\x81\x00": VlanProtocol.CUSTOMER, b"\x88\xa8": VlanProtocol.SERVICE}


def attributes(data: memoryview, place: int, end: int) -> Iterator[tuple[int, int, int]]:
    """Yield the type of each whole attribute, and where its value begins and ends; stop where one does not fit."""
    while place + 4 <= end:
        length, kind = _HEAD.unpack_from(data, place)
        if length < 4 or place + length > end:
            return
        yield kind & _TYPE_MASK, place + 4, place + length
        place += length + 3 & ~3


class VfEntries:
    """Decodes the entries of one answer.

    Args:
        length: of the interface's hardware address, in bytes.
    """

    def __init__(self, data: memoryview, length: int) -> None:
        self._data = data
        self._length = length
        self._layout: _Layout | None = None

    def read(self, start: int, end: int) -> tuple[VfInfo, VfStats | None]:
        """Return policy and counters of the VF whose entry lies there."""
        layout = self._layout
        if layout is None or not layout.fits(self._data, start, end):
            layout = self._layout = _Layout(self._data, start, end, self._length)
        return layout.read(self._data, start)


class _Layout:
    """Where everything lies in an entry."""

    def __init__(self, data: memoryview, start: int, end: int, length: int) -> None:
        heads: list[tuple[int, str]] = []
        values: list[tuple[int, str]] = []
        names: list[str] = []
        counts = False
        for path, at, until in _inside(data, start, end):
            first = path != (_VLAN_LIST, 1) or "protocol" not in names
            heads.append((at - 4 - start, "4s"))
            counts |= path == (_STATS,)
            fields = [(f"{length}s" if form == "mac" else form, name) for form, name in _FIELDS.get(path, ())]
            if first and struct.calcsize("=" + "".join(form for form, _ in fields)) <= until - at:
                for form, name in fields:
                    if name:
                        names.append(name)
                        values.append((at - start, form))
                    at += struct.calcsize("=" + form)
        self._size = end - start
        self._heads, self._values = _picking(heads), _picking(values)
        self._expected = self._heads.unpack_from(data, start)
        self._names = names
        self._counters = [name for name in names if name in _COUNTERS] if counts else None

    def fits(self, data: memoryview, start: int, end: int) -> bool:
        """Return whether an entry is laid out like this."""
        return end - start == self._size and self._heads.unpack_from(data, start) == self._expected

    def read(self, data: memoryview, start: int) -> tuple[VfInfo, VfStats | None]:
        """Return what an entry says."""
        found = dict(zip(self._names, self._values.unpack_from(data, start), strict=True))
        get = found.get
        info = VfInfo(
            get("index", 0),
            found["mac"].hex(":") if "mac" in found else "",
            _vlan(get("vlan", 0), get("qos", 0), get("protocol", b"")),
            _rate(get("least", 0), get("most", 0)),
            _switch(get("spoofcheck", -1)),
            _switch(get("trust", -1)),
            _LINK_STATES.get(get("link", -1)),
        )
        if self._counters is None:
            return info, None
        return info, VfStats(**{name: found[name] for name in self._counters})


def _inside(data: memoryview, start: int, end: int, outer: _Path = ()) -> Iterator[tuple[_Path, int, int]]:
    """Yield every attribute of an entry, those within others after them."""
    for kind, at, until in attributes(data, start, end):
        path = (*outer, kind)
        yield path, at, until
        if path in _NESTED:
            yield from _inside(data, at, until, path)


def _picking(parts: list[tuple[int, str]]) -> struct.Struct:
    """Return what unpacks some places of an entry at once."""
    text, place = "=", 0
    for at, form in parts:
        text += f"{at - place}x{form}"
        place = at + struct.calcsize("=" + form)
    return struct.Struct(text)


# Most VFs of a card share these.
@lru_cache(256)
def _vlan(number: int, qos: int, protocol: bytes) -> Vlan:
    return Vlan(number, qos, _PROTOCOLS.get(protocol, VlanProtocol.CUSTOMER))


@lru_cache(256)
def _rate(least: int, most: int) -> TxRate:
    return TxRate(least, most)


def _switch(setting: int) -> bool | None:
    return None if setting < 0 else bool(setting)
