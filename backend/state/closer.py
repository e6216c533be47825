"""A closer look at one device: its regions, and every attribute that can be read without waiting for a lock."""

from __future__ import annotations

import os
import stat
from collections.abc import Mapping
from dataclasses import dataclass

from backend.capture.inventory import AWAKE_ONLY, GUARDED, READ
from backend.host.doors import Files, HostDoors
from backend.model.device import Device
from backend.model.region import Region
from backend.model.text import clean
from backend.probe.attributes import note_of
from backend.probe.mapped import mapped_bytes
from backend.probe.regions import parse_regions


@dataclass(frozen=True, slots=True)
class RawAttribute:
    """One attribute as the kernel writes it."""

    name: str
    value: str
    """In one line; of a link its target's name, with ``-> `` before."""
    reason: str = ""
    """Why there is no value."""


@dataclass(frozen=True, slots=True)
class CloserLook:
    """What is read of a device only while somebody looks at it."""

    regions: tuple[Region, ...] = ()
    mapped: Mapping[str, int] | None = None
    """Region → bytes that its holder has mapped; None where nobody holds it, or it cannot be told."""
    attributes: tuple[RawAttribute, ...] = ()
    unread: tuple[str, ...] = ()
    """Attributes left alone: reading them may wait for the device, wake it, or change it."""
    reason: str = ""
    """Why there is nothing, when there is nothing."""


def look_closer(doors: HostDoors, device: Device) -> CloserLook:
    """Return the regions and attributes of a device."""
    folder = f"/sys{device.sysfs}"
    try:
        names = sorted(doors.files.list(folder))
    except OSError as error:
        return CloserLook(reason=note_of(error, device.sysfs).reason)
    attributes: list[RawAttribute] = []
    unread: list[str] = []
    regions: tuple[Region, ...] = ()
    readable = READ | AWAKE_ONLY if device.power in ("", "active") else READ
    for name in names:
        path = f"{folder}/{name}"
        target = _target(doors.files, path)
        if target:
            attributes.append(RawAttribute(name, f"-> {target}"))
        elif not _is_file(doors.files, path):
            continue
        elif name in GUARDED or name not in readable:
            unread.append(name)
        else:
            try:
                data = doors.files.read(path)
            except OSError as error:
                attributes.append(RawAttribute(name, "", note_of(error, name).reason))
                continue
            if name == "resource":
                regions = parse_regions(data.decode("ascii", "replace"))
            else:
                attributes.append(RawAttribute(name, clean(data.strip().replace(b"\n", b" "))))
    mapped = mapped_bytes(doors.files, device, regions) if device.vfio and device.holders else None
    return CloserLook(regions, mapped, tuple(attributes), tuple(unread))


def _target(files: Files, path: str) -> str:
    """Return the name of what a link leads to; "" for what is no link."""
    try:
        return clean(os.path.basename(files.readlink(path)))
    except OSError:
        return ""


def _is_file(files: Files, path: str) -> bool:
    try:
        return stat.S_ISREG(files.stat(path).mode)
    except OSError:
        return False
