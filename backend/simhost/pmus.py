"""What can be counted by performance events: the IOMMU units' PMUs, and tracepoints."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING

from backend.simhost.traffic import between, grown, seed_of
from backend.simhost.tree import Dir, File

if TYPE_CHECKING:
    from backend.simhost.function import Function
    from backend.simhost.kernel import Kernel

_FORMATS = {
    "event": "config:0-27", "event_group": "config:28-31", "filter_requester_id_en": "config1:0",
    "filter_domain_en": "config1:1", "filter_pasid_en": "config1:2", "filter_requester_id": "config1:16-31",
    "filter_domain": "config1:32-47", "filter_pasid": "config2:0-21",
}  # fmt: skip
_EVENTS = {
    "iommu_clocks": (0, 1, 1e9), "iommu_requests": (0, 2, 400e3), "iommu_mrds": (1, 1, 9e3),
    "iommu_mem_blocked": (1, 0x20, 40.0), "ctxt_cache_lookup": (2, 1, 300e3), "ctxt_cache_hit": (2, 2, 299e3),
    "iotlb_lookup": (3, 1, 380e3), "iotlb_hit": (3, 2, 365e3), "int_cache_lookup": (4, 1, 6e3),
    "int_cache_hit_posted": (4, 4, 5e3),
}  # fmt: skip
"""Event → group, number, and how often it happens a second for a busy function."""

_TRACEPOINTS = {
    ("kvm", "kvm_exit"): 24_000.0, ("kvm", "kvm_mmio"): 60.0, ("kvm", "kvm_userspace_exit"): 900.0,
    ("iommu", "map"): 3100.0, ("iommu", "unmap"): 3090.0, ("iommu", "io_page_fault"): 0.0,
}  # fmt: skip
_FIRST_TYPE, _FIRST_ID = 24, 2100
_TRACEPOINT = 2


@dataclass(frozen=True, slots=True)
class Source:
    """What one event counts: on average ``mean`` times a second, for one requester or all."""

    name: str
    mean: float
    unit: Dir | None = None


class Pmus:
    """Offers PMUs below /sys/bus/event_source, tracepoints below /sys/kernel/tracing, and what they count."""

    def __init__(self, kernel: Kernel) -> None:
        self._kernel = kernel
        self._units: dict[int, Dir] = {}
        core = kernel.core
        self._bus = core.sys.dir("bus").dir("event_source").dir("devices")
        for name, number in (("software", 1), ("tracepoint", _TRACEPOINT)):
            pmu = core.devices.dir(name)
            pmu.file("type", f"{number}\n")
            self._bus.link(name, pmu)
        kernel.core.sys.dir("devices").dir("system").dir("cpu").file("online", f"0-{core.features.cpus - 1}\n")
        tracing = core.sys.dir("kernel")
        events = Dir("tracing", tracing, restricted=True)
        tracing.entries["tracing"] = events
        for number, (group, event) in enumerate(_TRACEPOINTS, _FIRST_ID):
            events.dir("events").dir(group).dir(event).entries["id"] = File(f"{number}\n".encode(), mode=0o440)

    def offer(self, unit: Dir) -> None:
        """Give an IOMMU unit its PMU."""
        if not self._kernel.core.features.iommu_pmu:
            return
        number = _FIRST_TYPE + len(self._units)
        self._units[number] = unit
        pmu = self._kernel.core.devices.add(unit.name)
        pmu.file("type", f"{number}\n")
        pmu.file("cpumask", "0\n")
        for name, text in _FORMATS.items():
            pmu.dir("format").file(name, f"{text}\n")
        for name, (group, event, _) in _EVENTS.items():
            pmu.dir("events").file(name, f"event_group={group:#x},event={event:#03x}\n")
        self._bus.link(unit.name, pmu)

    def counting(self, kind: int, config: int, config1: int) -> Callable[[float], int] | None:
        """Return how far an event has counted at an age of the host; None where nothing knows the event."""
        if kind == _TRACEPOINT:
            found = list(_TRACEPOINTS.items())[config - _FIRST_ID : config - _FIRST_ID + 1]
            cpus = self._kernel.core.features.cpus
            return (lambda age: grown(age, found[0][1] / cpus, config)) if found and config >= _FIRST_ID else None
        unit = self._units.get(kind)
        mean = next(
            (m for group, event, m in _EVENTS.values() if (group, event) == (config >> 28 & 15, config & 0xFFFFFFF)),
            None,
        )
        if unit is None or mean is None:
            return None
        requester = config1 >> 16 & 0xFFFF if config1 & 1 else None
        return lambda age: sum(
            grown(age, between(seed_of(f.address), mean * 0.05, mean), seed_of(f.address) + config)
            for f in self._kernel.pci.functions.values()
            if requester in (None, f.rid) and self._kernel.iommu.unit_of(f) is unit and _busy(f)
        )


def _busy(f: Function) -> bool:
    return f.held or (f.driver is not None and f.vfio is None and not f.model.port and f.net is not None and f.net.up)
