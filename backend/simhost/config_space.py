"""The configuration space of a function: its ids, how many vectors it has (MSI-X), its card's serial number."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from backend.simhost.function import Function

_SIZE, _EXTENDED_SIZE = 256, 4096
_SERIAL = 0x0003
"""Extended capability: Device Serial Number (PCIe 7.9.3)."""
_QEMU = 0x1AF4
_MSIX_AT = 0x70


def config_space(f: Function) -> bytes:
    """Return what ``config`` reads, for root."""
    serial = _serial(f)
    space = bytearray(_EXTENDED_SIZE if serial else _SIZE)

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
    vectors = f.msix or model.vectors
    if vectors:
        put(0x34, _MSIX_AT, 1)
        put(_MSIX_AT, 0x11, 1)
        put(_MSIX_AT + 2, vectors - 1, 2)
    if serial:
        put(_SIZE, 1 << 16 | _SERIAL, 4)
        space[_SIZE + 4 : _SIZE + 12] = serial[::-1]
    return bytes(space)


def _serial(f: Function) -> bytes:
    """Return the serial number of a network card: by custom, its address in the form of an EUI-64; QEMU's have none."""
    if f.pf is not None or not f.model.pcie or f.model.subvendor == _QEMU or f.net is None or not f.net.mac:
        return b""
    mac = bytes.fromhex(f.net.mac.replace(":", ""))
    return mac[:3] + b"\xff\xff" + mac[3:]
