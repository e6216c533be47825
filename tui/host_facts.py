"""What the first line tells of a host: name, kernel, IOMMU, and how many of everything it has."""

from __future__ import annotations

from collections import Counter

from backend.model.device import DeviceKind
from backend.model.holder import HolderKind
from backend.model.host import Host
from backend.present.tree import holder_key
from tui.widgets.line import Piece


def facts(host: Host, separator: str) -> list[Piece]:
    """Return name, kernel, IOMMU and counts."""
    vms = {holder_key(h) for d in host.devices.values() for h in d.holders if h.kind is HolderKind.VM}
    vms |= {f"holder:{HolderKind.VM}:{pid}" for pid in host.vms}
    kinds = Counter(device.kind for device in host.devices.values())
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
