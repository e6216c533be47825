"""What the first line tells of a host: name, kernel, IOMMU, and how many of everything it has."""

from __future__ import annotations

from collections import Counter

from backend.model.device import DeviceKind
from backend.model.holder import HolderKind
from backend.model.host import Host
from backend.model.steps import Steps, batches
from backend.present.tree import holder_key
from tui.widgets.line import Piece


def facts(host: Host, separator: str) -> Steps[list[Piece]]:
    """Return name, kernel, IOMMU and counts, in steps."""
    vms = {f"holder:{HolderKind.VM}:{pid}" for pid in host.vms}
    kinds: Counter[DeviceKind] = Counter()
    for devices in batches(host.devices.values()):
        vms |= {holder_key(h) for device in devices for h in device.holders if h.kind is HolderKind.VM}
        kinds.update(device.kind for device in devices)
        yield
    counts = [
        _count(kinds[DeviceKind.PF], "PF", "PF"),
        _count(kinds[DeviceKind.VF] + kinds[DeviceKind.VGPU_VF], "VF", "VF"),
        _count(kinds[DeviceKind.MDEV], "mdev", "mdev"),
        _count(len(host.groups), "group", "groups"),
        _vms(len(vms), complete=host.holder_scan.complete),
    ]
    return [
        Piece(f" {host.name} ", "hostname", 2, cut=True),
        Piece(f" {host.kernel} {separator}" if host.kernel else "", "bar-muted", 9),
        Piece(f" {host.iommu.label} ", "bar-muted", 8),
        Piece(f"  {'  '.join(counts)} ", "bar", 5),
    ]


def _count(number: int, one: str, many: str) -> str:
    return f"{number} {one if number == 1 else many}"


def _vms(seen: int, *, complete: bool) -> str:
    """Return how many VMs there are; where not everything could be looked into, there may be more than were seen."""
    if complete:
        return _count(seen, "VM", "VMs")
    return f"{seen}+ VMs" if seen else "? VMs"
