"""Holders seen by their interrupts: a VFIO user's vectors are named after the device, for everyone to read."""

from __future__ import annotations

import re

from backend.host.doors import Files
from backend.model.holder import Holder, HolderKind
from backend.probe.holders.findings import Found

_VECTOR = re.compile(rb"vfio-(?:msix?\[\d+\]|intx)\(([0-9a-f:.-]+)\)", re.ASCII)
_SEEN = Holder(HolderKind.UNSEEN, "somebody", via="interrupts", detail="its interrupts are claimed")


def scan_interrupts(files: Files) -> list[Found]:
    """Return the devices whose interrupts a VFIO user has claimed."""
    try:
        text = files.read("/proc/interrupts", 64 << 20)
    except OSError:
        return []
    return [Found(f"device:{name.decode()}", _SEEN) for name in sorted(set(_VECTOR.findall(text)))]
