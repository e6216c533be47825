"""How much of each region of a function its holder has mapped: from the offsets in the holder's own maps."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence

from backend.host.doors import Files
from backend.model.device import DataPath, Device
from backend.model.region import Region

_LINE = re.compile(
    rb"^([0-9a-f]+)-([0-9a-f]+) \S+ ([0-9a-f]+) \S+ \d+ +(/dev/vfio/devices/\S+|anon_inode:\[vfio-device\])", re.M
)
_SHIFT = 40
"""VFIO_PCI_OFFSET_SHIFT: a region's number stands above this bit of an offset."""


def mapped_bytes(files: Files, device: Device, regions: Sequence[Region]) -> Mapping[str, int] | None:
    """Return region → bytes of it that the device's holder has mapped; None where that cannot be told.

    Which device of a process a mapping belongs to is known by its own node, or where the path of the device is known:
    then it is the only one of that process.
    """
    if device.path is DataPath.TRAP:
        return {}
    pids = {holder.pid for holder in device.holders if holder.pid is not None}
    if device.path is not DataPath.PASSTHROUGH or len(pids) != 1:
        return None
    try:
        text = files.read(f"/proc/{pids.pop()}/maps", 64 << 20)
    except OSError:
        return None
    lines = _LINE.findall(text)
    node = device.vfio_node.encode()
    if not any(name == node for *_, name in lines):
        node = b"anon_inode:[vfio-device]"
    found: dict[str, int] = {}
    for start, end, offset, name in lines:
        if name != node:
            continue
        region = _region_at(int(offset, 16), regions)
        if region is None:
            return None
        found[region.name] = found.get(region.name, 0) + int(end, 16) - int(start, 16)
    return found


def _region_at(offset: int, regions: Sequence[Region]) -> Region | None:
    """Return the region that an offset lies in; None where two would do, or none.

    Since Linux 6.11 the offset has the number of the region (drivers/vfio/pci/vfio_pci_core.c, ``vma_to_pfn``); before,
    it was the region's address on the bus (``vfio_pci_core_mmap``).
    """
    by_number = f"BAR {offset >> _SHIFT}"
    within = offset & ((1 << _SHIFT) - 1)
    found = {
        region.name: region
        for region in regions
        if (region.name == by_number and within < region.size)
        or (region.name.startswith("BAR ") and region.start <= offset < region.start + region.size)
    }
    return next(iter(found.values())) if len(found) == 1 else None
