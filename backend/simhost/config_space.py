"""The configuration space of a function: its ids, and the MSI-X capability that says how many vectors it has."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from backend.simhost.function import Function

_SIZE = 256
_MSIX_AT = 0x70


def config_space(f: Function) -> bytes:
    """Return what ``config`` reads, for root."""
    space = bytearray(_SIZE)

    def put(place: int, value: int, length: int) -> None:
        space[place : place + length] = value.to_bytes(length, "little")

    model = f.model
    # The ids of a VF read as all ones: they are those of its PF (SR-IOV 3.4.1.1).
    put(0x00, 0xFFFF if f.pf is not None else model.vendor, 2)
    put(0x02, 0xFFFF if f.pf is not None else model.device, 2)
    put(0x06, 0x10, 2)  # there is a list of capabilities
    put(0x08, model.class_code << 8 | model.revision, 4)
    put(0x2C, model.subvendor, 2)
    put(0x2E, model.subdevice, 2)
    put(0x34, _MSIX_AT, 1)
    put(_MSIX_AT, 0x11, 1)
    put(_MSIX_AT + 2, (f.msix or model.vectors) - 1, 2)
    return bytes(space)
