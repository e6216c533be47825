"""Which PMU counts for one function, and the terms that narrow it down to that function."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass

from backend.counters.iort import Iort
from backend.counters.pmu import Pmu
from backend.model.counters import Counter, CounterSet, Unit
from backend.model.device import Device, DeviceKind
from backend.model.host import Host
from backend.model.ids import PciAddress


def _events(unit: Unit, **titles: str) -> tuple[Counter, ...]:
    return tuple(Counter(name, title, unit) for name, title in titles.items())


VTD = CounterSet(
    "perf-vtd",
    "IOMMU, by requester id",
    "PMU dmarN",
    _events(
        Unit.EVENTS,
        iommu_requests="requests",
        iotlb_lookup="IOTLB lookups",
        iotlb_hit="IOTLB hits",
        iommu_mem_blocked="cycles blocked by memory",
        int_cache_hit_posted="posted interrupts",
    ),
)
AMDVI = CounterSet(
    "perf-amdvi",
    "IOMMU, by device id",
    "PMU amd_iommu_N",
    _events(
        Unit.EVENTS,
        mem_trans_total="transactions",
        mem_iommu_tlb_pte_hit="TLB hits",
        mem_iommu_tlb_pte_mis="TLB misses",
        page_tbl_read_tot="page table reads",
        vapic_int_guest="posted interrupts",
    ),
)
SMMU = CounterSet(
    "perf-smmu",
    "SMMU, by stream id",
    "PMU smmuv3_pmcg_*",
    _events(
        Unit.EVENTS,
        transaction="transactions",
        tlb_miss="TLB misses",
        config_cache_miss="configuration cache misses",
        trans_table_walk_access="table walks",
    ),
)
XE = CounterSet(
    "perf-xe",
    "GPU engine, by function",
    "PMU xe_*",
    (
        Counter("engine-active-ticks", "active", Unit.TICKS),
        Counter("engine-total-ticks", "total", Unit.TICKS),
    ),
)
HISI = CounterSet(
    "perf-hisi",
    "PCIe core, by address",
    "PMU hisi_pcie*",
    _events(
        Unit.EVENTS,
        rx_mwr_flux="memory writes received",
        rx_mrd_flux="memory reads received",
        tx_mrd_flux="memory reads sent",
        tx_cpl_flux="completions sent",
    ),
)
DWC = CounterSet(
    "perf-dwc",
    "Root port",
    "PMU dwc_rootport_*",
    _events(Unit.EVENTS, Rx_PCIe_TLP_Data_Payload="payload received", Tx_PCIe_TLP_Data_Payload="payload sent"),
)
"""Of the whole root port: this PMU knows no functions."""

SETS = (VTD, AMDVI, SMMU, XE, HISI, DWC)

_XE_ENGINES = ("render", "copy", "video decode", "video enhance", "compute")
"""``engine_class`` of the xe uAPI, by number."""


@dataclass(frozen=True, slots=True)
class Pin:
    """One PMU narrowed down to a function."""

    pmu: str
    of: CounterSet
    terms: Mapping[str, int]
    instance: str
    """What tells it from others of the set at this function."""
    scope: str = ""
    """What it counts, where that is more than the function."""


Lookup = Callable[[str], Pmu | None]


def pins_of(host: Host, device: Device, names: frozenset[str], pmu: Lookup, iort: Iort | None) -> Iterator[Pin]:
    """Yield the PMUs that can be narrowed down to ``device``, of those called ``names``."""
    if not isinstance(device.id, PciAddress):
        return
    yield from _intel(host, device, device.id, pmu)
    yield from _amd(host, device, device.id, pmu)
    yield from _arm(device.id, names, iort)
    yield from _xe(device, names)
    yield from _hisilicon(device.id, names, pmu)
    yield from _designware(device, names)


def _intel(host: Host, device: Device, address: PciAddress, pmu: Lookup) -> Iterator[Pin]:
    name = host.iommu.pmus.get(device.iommu_unit, "")
    known = pmu(name) if name.startswith("dmar") else None
    if known is not None and "filter_requester_id" in known.formats:
        terms = {"filter_requester_id_en": 1, "filter_requester_id": address.requester}
        yield Pin(name, VTD, terms, name)


def _amd(host: Host, device: Device, address: PciAddress, pmu: Lookup) -> Iterator[Pin]:
    name = host.iommu.pmus.get(device.iommu_unit, "")
    known = pmu(name) if name.startswith("amd_iommu_") else None
    if known is not None and "devid" in known.formats:
        # Only bits that the mask has are compared.
        yield Pin(name, AMDVI, {"devid": address.requester, "devid_mask": 0xFFFF}, name)


def _arm(address: PciAddress, names: frozenset[str], iort: Iort | None) -> Iterator[Pin]:
    stream = iort.stream_of(address.domain, address.requester) if iort is not None else None
    for name in stream.pmcgs if stream is not None else ():
        if name in names and stream is not None:
            yield Pin(name, SMMU, {"filter_enable": 1, "filter_span": 0, "filter_stream_id": stream.id}, name)


def _xe(device: Device, names: frozenset[str]) -> Iterator[Pin]:
    owner = device.parent if device.index is not None else str(device.id)
    name = "xe_" + owner.replace(":", "_")
    if name in names:
        function = 0 if device.index is None else device.index + 1
        for number, engine in enumerate(_XE_ENGINES):
            terms = {"function": function, "gt": 0, "engine_class": number, "engine_instance": 0}
            yield Pin(name, XE, terms, engine)


def _hisilicon(address: PciAddress, names: frozenset[str], pmu: Lookup) -> Iterator[Pin]:
    for name in sorted(names):
        known = pmu(name) if name.startswith("hisi_pcie") else None
        if known is None or address.domain:
            continue
        try:
            first, last = int(known.extra["bdf_min"], 16), int(known.extra["bdf_max"], 16)
        except (KeyError, ValueError):
            continue
        if first <= address.requester <= last:
            yield Pin(name, HISI, {"bdf": address.requester}, name)


def _designware(device: Device, names: frozenset[str]) -> Iterator[Pin]:
    port = device.root_port
    if port is not None and device.kind is not DeviceKind.MDEV:
        name = f"dwc_rootport_{port.domain << 16 | port.requester:x}"
        if name in names:
            yield Pin(name, DWC, {}, name, f"everything behind root port {port}")
