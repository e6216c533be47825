"""By what a function can be known again: what its card, its interface and its slot tell."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from backend.host.doors import Files
from backend.model.boot import Identity
from backend.model.device import Device, DeviceKind
from backend.model.ids import BadIdError, MacAddress, PciAddress
from backend.model.text import clean
from backend.probe.surroundings import listing

_SLOTS = "/sys/bus/pci/slots"
_PERMANENT = b"0"
"""``addr_assign_type`` of an address that the hardware has (NET_ADDR_PERM)."""

_EXTENDED = 0x100
_SERIAL = 0x0003
"""PCI Express extended capability of the serial number (PCIe 7.9.3)."""


def read_slots(files: Files) -> dict[str, str]:
    """Return domain, bus and device, as in ``0000:3b:00`` → the name of the physical slot."""
    slots = {}
    for name in listing(files, _SLOTS):
        found = _read(files, f"{_SLOTS}/{name}/address")
        if found:
            slots[found] = clean(name, 64)
    return slots


def read_identity(files: Files, device: Device, slots: Mapping[str, str], space: bytes = b"") -> Identity:
    """Return what a PCI function tells of itself without a lock of its own being taken.

    Args:
        space: its configuration space, where root has read it: it may hold the card's serial number.
    """
    assert isinstance(device.id, PciAddress)
    return Identity(
        device.id,
        serial_of(space) or _nvme_serial(files, device),
        _permanent_mac(files, device.netdevs),
        slots.get(device.id.rpartition(".")[0], ""),
        f"{device.vendor}:{device.device}" if device.vendor else "",
    )


def has_identity(device: Device) -> bool:
    """Return whether a device is known by itself: VFs and mdevs are known by what they belong to."""
    return device.kind in (DeviceKind.PF, DeviceKind.FUNCTION)


def serial_of(space: bytes) -> str:
    """Return the serial number that a configuration space tells, as ``b4-96-91-ff-ff-a0-00-01``; "" for none."""
    place = _EXTENDED
    for _ in range(960):  # as many as fit: a damaged list may go in circles
        if place < _EXTENDED or place + 12 > len(space):
            return ""
        header = int.from_bytes(space[place : place + 4], "little")
        if header & 0xFFFF == _SERIAL:
            number = space[place + 4 : place + 12][::-1]
            return "-".join(f"{byte:02x}" for byte in number) if any(number) and set(number) != {0xFF} else ""
        place = header >> 20
    return ""


def _nvme_serial(files: Files, device: Device) -> str:
    if not device.class_code.startswith("0108"):
        return ""
    folder = f"/sys/bus/pci/devices/{device.id}/nvme"
    return next((serial for name in listing(files, folder) if (serial := _read(files, f"{folder}/{name}/serial"))), "")


def _permanent_mac(files: Files, netdevs: Iterable[str]) -> MacAddress | None:
    """Return the address of the first interface that has it from the hardware."""
    for name in netdevs:
        folder = f"/sys/class/net/{name}"
        if _read(files, f"{folder}/addr_assign_type").encode() != _PERMANENT:
            continue
        try:
            return MacAddress.parse(_read(files, f"{folder}/address"))
        except BadIdError:
            continue
    return None


def _read(files: Files, path: str) -> str:
    try:
        return clean(files.read(path, 256), 128)
    except OSError:
        return ""
