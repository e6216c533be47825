"""Rules of udev that make VFs or choose drivers."""

from __future__ import annotations

import fnmatch
import re
from collections.abc import Iterable, Iterator, Sequence

from backend.host.doors import Files
from backend.model.boot import Claim, Subject
from backend.model.device import Device
from backend.model.text import clean
from backend.probe.boot.others.folders import read_folders

_MATCH = re.compile(r'(?P<key>[A-Z_]+(?:\{[^}]*\})?)\s*==\s*"(?P<value>[^"]*)"', re.ASCII)
_ASSIGNED = re.compile(r'ATTR\{(?:device/)?(?P<name>sriov_numvfs|driver_override)\}\s*=\s*"(?P<value>[^"]*)"', re.ASCII)
_RUN = re.compile(r"(?P<name>sriov_numvfs|driver_override)", re.ASCII)
_ALWAYS = frozenset({"ACTION", "SUBSYSTEM", "SUBSYSTEMS"})
"""Conditions that hold for every device that comes: what remains decides for whom a rule is."""
_SUBJECTS = {"sriov_numvfs": Subject.VFS, "driver_override": Subject.DRIVER}


def udev_claims(files: Files, devices: Iterable[Device]) -> Iterator[Claim]:
    """Yield what rules say. Sure are those whose conditions name a device by address, interface, MAC or ids."""
    known = list(devices)
    for path, text in read_folders(files, "udev/rules.d", ".rules"):
        for line in text.replace("\\\n", " ").splitlines():
            if line.lstrip().startswith("#") or _RUN.search(line) is None:
                continue
            assigned = _ASSIGNED.search(line)
            name = assigned["name"] if assigned is not None else _name_in_program(line)
            if name:
                value = assigned["value"] if assigned is not None else ""
                yield from _claims(path, _SUBJECTS[name], clean(value, 64), line, known)


def _name_in_program(line: str) -> str:
    """Return the attribute that a program writes which a rule runs; "" where it is only asked for."""
    found = next((part for part in line.split("RUN")[1:] if _RUN.search(part)), "")
    match = _RUN.search(found)
    return match["name"] if match is not None else ""


def _claims(path: str, subject: Subject, value: str, line: str, devices: Sequence[Device]) -> Iterator[Claim]:
    conditions = [(match["key"], match["value"]) for match in _MATCH.finditer(line) if match["key"] not in _ALWAYS]
    for device in devices:
        if subject is Subject.VFS and device.sriov is None:
            continue
        verdicts = [_holds(device, key, pattern) for key, pattern in conditions]
        if False not in verdicts and True in verdicts:
            yield Claim("udev", clean(path, 200), subject, str(device.id), value, None not in verdicts)


def _holds(device: Device, key: str, pattern: str) -> bool | None:
    """Return whether a condition holds for a device; None where that cannot be told."""
    said: dict[str, tuple[str, ...]] = {
        "KERNEL": (str(device.id), *device.netdevs),
        "KERNELS": (str(device.id),),
        "NAME": device.netdevs,
        "ENV{ID_NET_NAME}": device.netdevs,
        "ENV{INTERFACE}": device.netdevs,
        "ENV{PCI_SLOT_NAME}": (str(device.id),),
        "DRIVER": (device.driver,),
        "DRIVERS": (device.driver,),
        "ATTR{vendor}": (f"0x{device.vendor}",),
        "ATTRS{vendor}": (f"0x{device.vendor}",),
        "ATTR{device}": (f"0x{device.device}",),
        "ATTRS{device}": (f"0x{device.device}",),
    }
    names = said.get(key)
    if names is None:
        return None
    return any(fnmatch.fnmatchcase(name, one) for name in names for one in pattern.split("|"))
