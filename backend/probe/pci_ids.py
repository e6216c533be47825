"""What a PCI function is: its ids, and the product that they name."""

from __future__ import annotations

import re

from backend.host.doors import Directory
from backend.probe.attributes import Attributes
from backend.probe.surroundings import PciIds, Surroundings

_MODALIAS = re.compile(
    rb"pci:v0000([0-9A-F]{4})d0000([0-9A-F]{4})sv0000([0-9A-F]{4})sd0000([0-9A-F]{4})"
    rb"bc([0-9A-F]{2})sc([0-9A-F]{2})i([0-9A-F]{2})",
    re.ASCII,
)


def read_ids(directory: Directory, attributes: Attributes, around: Surroundings) -> PciIds:
    """Return what ``modalias`` tells: five ids in one read, and no lock, unlike ``uevent``."""
    try:
        raw = directory.read("modalias")
    except FileNotFoundError:
        # Every function of a running kernel has one; a function without it that still has a vendor is a
        # tree that somebody copied without it.
        directory.read("vendor")
        raw = b""
    except OSError as error:
        attributes.failed(error, "vendor", "modalias")
        return PciIds("", "", "", "", "")
    known = around.known_ids.get(raw)
    if known is None:
        known = _parse_modalias(raw, around) or _ids_by_files(attributes, around)
        if raw:
            around.known_ids[raw] = known
    return known


def _parse_modalias(raw: bytes, around: Surroundings) -> PciIds | None:
    match = _MODALIAS.match(raw)
    if match is None:
        return None
    vendor, device, subvendor, subdevice, base, sub, interface = (part.decode().lower() for part in match.groups())
    name = around.names.device(vendor, device)
    return PciIds(vendor, device, f"{subvendor}:{subdevice}", f"{base}{sub}{interface}", name)


def _ids_by_files(attributes: Attributes, around: Surroundings) -> PciIds:
    def digits(name: str, field: str, width: int) -> str:
        number = attributes.number(name, field, 16)
        return "" if number is None or number < 0 else f"{number:0{width}x}"

    vendor, device = digits("vendor", "vendor", 4), digits("device", "device", 4)
    subsystem = f"{digits('subsystem_vendor', 'subsystem', 4)}:{digits('subsystem_device', 'subsystem', 4)}"
    name = around.names.device(vendor, device) if vendor and device else ""
    return PciIds(vendor, device, subsystem, digits("class", "class_code", 6), name)
