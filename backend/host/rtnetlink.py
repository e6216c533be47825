"""Reading the VFs of a PF from the kernel, cheaply: one request, one answer, nothing kept.

Asking takes the kernel's lock of all links, which a driver may hold for as long as it likes: this runs in a
child that can be left behind. Sources: ``net/core/rtnetlink.c``, ``include/uapi/linux/if_link.h``.
"""

from __future__ import annotations

import contextlib
import dataclasses
import errno
import os
import socket
import struct
from collections.abc import Callable, Iterator
from typing import Any, Self

import msgspec

from backend.host.vf_entries import VfEntries, attributes
from backend.model.links import VfInfo, VfStats, VfTable

_HEADER = struct.Struct("=IHHII")
_LINK = struct.Struct("=BxHiII")
_ATTRIBUTE = struct.Struct("=HH")
_U32 = struct.Struct("=I")
_ERROR = struct.Struct("=i")

_RTM_NEWLINK, _RTM_GETLINK = 16, 18
_NLM_F_REQUEST, _NLM_F_CAPPED, _NLM_F_ACK_TLVS = 1, 0x100, 0x200
_NLMSG_ERROR = 2
_NLMSGERR_ATTR_MSG = 1
_SOL_NETLINK, _NETLINK_CAP_ACK, _NETLINK_EXT_ACK = 270, 10, 11

_ADDRESS, _NAME, _NUM_VF, _VF_LIST, _EXT_MASK, _PARENT = 1, 3, 21, 22, 29, 56
_FILTER_VF, _SKIP_STATS = 1, 8
_VF_INFO = 1
_MOST = 1 << 20
_ANSWER_SECONDS = 5.0
"""An answer lies ready when the question has been sent."""


class RouteSocket:
    """A socket to rtnetlink. Raises ``OSError`` with the kernel's errno and what it said."""

    def __init__(self) -> None:
        self._socket = socket.socket(socket.AF_NETLINK, socket.SOCK_RAW | socket.SOCK_CLOEXEC, socket.NETLINK_ROUTE)
        for option in (_NETLINK_CAP_ACK, _NETLINK_EXT_ACK):
            with contextlib.suppress(OSError):
                self._socket.setsockopt(_SOL_NETLINK, option, 1)
        self._socket.settimeout(_ANSWER_SECONDS)
        self._socket.bind((0, 0))
        self._buffer = bytearray(_MOST)
        self._sequence = 0

    def vfs(self, interface: str, *, statistics: bool) -> VfTable:
        """Return the VFs of ``interface``. Raises ``ENODEV`` where there is none of that name."""
        if not statistics:
            return parse_link(self._ask(interface, _FILTER_VF | _SKIP_STATS))
        try:
            return parse_link(self._ask(interface, _FILTER_VF))
        except OSError as error:
            if error.errno != errno.EMSGSIZE:
                raise
        table = parse_link(self._ask(interface, _FILTER_VF | _SKIP_STATS))
        reason = "; ".join(filter(None, ("statistics do not fit into the kernel's answer (EMSGSIZE)", table.reason)))
        return dataclasses.replace(table, reason=reason)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._socket.close()

    def _ask(self, interface: str, mask: int) -> memoryview:
        self._sequence += 1
        name = interface.encode("utf-8", "surrogateescape") + b"\0"
        body = _LINK.pack(0, 0, 0, 0, 0) + _attribute(_NAME, name) + _attribute(_EXT_MASK, _U32.pack(mask))
        head = _HEADER.pack(_HEADER.size + len(body), _RTM_GETLINK, _NLM_F_REQUEST, self._sequence, 0)
        self._socket.sendto(head + body, (0, 0))
        while True:
            size = self._socket.recv_into(self._buffer)
            answer = memoryview(self._buffer)[:size]
            if size >= _HEADER.size and _HEADER.unpack_from(answer)[3] == self._sequence:
                return answer


def parse_link(answer: bytes | memoryview) -> VfTable:
    """Return what one answer of the kernel says. Raises the ``OSError`` that it carries, ``EBADMSG`` for nonsense."""
    if len(answer) < _HEADER.size:
        raise _nonsense()
    size, kind, flags, _, _ = _HEADER.unpack_from(answer)
    body = memoryview(answer)[_HEADER.size : size]
    if kind == _NLMSG_ERROR:
        raise _error(body, flags)
    if kind != _RTM_NEWLINK or len(body) < _LINK.size:
        raise _nonsense()
    index = _LINK.unpack_from(body)[2]
    name = parent = ""
    count = 0
    length = 6
    listed: list[tuple[VfInfo, VfStats | None]] = []
    for found, value in _attributes(body[_LINK.size :]):
        if found == _NAME:
            name = _text(value)
        elif found == _ADDRESS:
            length = min(len(value), 32)
        elif found == _NUM_VF and len(value) == 4:
            count = _U32.unpack(value)[0]
        elif found == _PARENT:
            parent = _text(value)
        elif found == _VF_LIST:
            entries = VfEntries(value, length)
            whole = attributes(value, 0, len(value))
            listed = [entries.read(at, until) for inner, at, until in whole if inner == _VF_INFO]
            if len(listed) < count and _is_cut(value):
                # Its length is kept in 16 bits: what follows is the rest of the list, not attributes.
                break
    reason = f"the kernel lists {len(listed)} of {count} VFs" if 0 < len(listed) < count else ""
    stats = tuple(stats for _, stats in listed if stats is not None)
    return VfTable(
        name, index, parent, count, tuple(info for info, _ in listed),
        stats if len(stats) == len(listed) else (), reason,
    )  # fmt: skip


def _attribute(kind: int, value: bytes) -> bytes:
    return _ATTRIBUTE.pack(4 + len(value), kind) + value + bytes(-len(value) % 4)


def _attributes(data: memoryview) -> Iterator[tuple[int, memoryview]]:
    for kind, at, until in attributes(data, 0, len(data)):
        yield kind, data[at:until]


def _is_cut(data: memoryview) -> bool:
    """Return whether the last attribute does not fit."""
    place = 0
    while place + 4 <= len(data):
        length = _ATTRIBUTE.unpack_from(data, place)[0]
        if length < 4 or place + length > len(data):
            return True
        place += length + 3 & ~3
    return place < len(data)


def _error(body: memoryview, flags: int) -> OSError:
    if len(body) < _ERROR.size + _HEADER.size:
        return _nonsense()
    code = -_ERROR.unpack_from(body)[0]
    said = ""
    if flags & _NLM_F_ACK_TLVS:
        asked = _HEADER.size if flags & _NLM_F_CAPPED else _HEADER.unpack_from(body, _ERROR.size)[0]
        for kind, value in _attributes(body[_ERROR.size + (asked + 3 & ~3) :]):
            if kind == _NLMSGERR_ATTR_MSG:
                said = _text(value)
    return OSError(code, said or os.strerror(code)) if code > 0 else _nonsense()


def _nonsense() -> OSError:
    return OSError(errno.EBADMSG, "the answer of rtnetlink makes no sense")


def _text(value: memoryview) -> str:
    return bytes(value).rstrip(b"\0").decode("utf-8", "surrogateescape")


_sockets: list[RouteSocket] = []


def _vfs(arguments: dict[str, Any]) -> Any:
    if not _sockets:
        _sockets.append(RouteSocket())
    table = _sockets[0].vfs(arguments["interface"], statistics=arguments["statistics"])
    return msgspec.to_builtins(table)


OPERATIONS: dict[str, Callable[[dict[str, Any]], Any]] = {"vfs": _vfs}
