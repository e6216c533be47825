"""Every sampler there is, best source of a measure first."""

from __future__ import annotations

from backend.counters.aer import AER, AerSampler
from backend.counters.block import BLOCK, BlockSampler
from backend.counters.drm import DRM, DrmSampler
from backend.counters.hwmon import HWMON, HwmonSampler
from backend.counters.interrupts import INTERRUPTS, InterruptSampler
from backend.counters.kvm import KVM, KvmSampler
from backend.counters.link import LINK, LinkSampler
from backend.counters.meter import Meter
from backend.counters.netdev import NETDEV, REPRESENTOR, NetdevSampler
from backend.counters.pinning import SETS as PMU_SETS
from backend.counters.pmu_events import PmuSampler
from backend.counters.process import PROCESS, ProcessSampler
from backend.counters.sampler import Sampler, WaitingSampler
from backend.counters.tracepoints import TRACEPOINTS, TracepointSampler
from backend.counters.vf_traffic import VF_TRAFFIC, VfTrafficSampler
from backend.counters.vm_stats import VM_STATS, VmStatsSampler
from backend.host.doors import HostDoors

SETS = (
    NETDEV, REPRESENTOR, BLOCK, INTERRUPTS, KVM, PROCESS, AER, LINK, *PMU_SETS, TRACEPOINTS, VF_TRAFFIC, VM_STATS, DRM,
    HWMON,
)  # fmt: skip
"""All that is counted."""


def samplers_of(doors: HostDoors) -> tuple[Sampler, ...]:
    """Return the samplers that never make their reader wait."""
    return (
        NetdevSampler(doors),
        BlockSampler(doors),
        InterruptSampler(doors),
        KvmSampler(doors),
        ProcessSampler(doors),
        AerSampler(doors),
        LinkSampler(doors),
        PmuSampler(doors),
        TracepointSampler(doors),
    )


def waiting_samplers_of(doors: HostDoors) -> tuple[WaitingSampler, ...]:
    """Return the samplers that may have to wait for a driver."""
    return (VfTrafficSampler(doors), VmStatsSampler(doors), DrmSampler(doors), HwmonSampler(doors))


def meter_of(doors: HostDoors, *, histories: bool = True) -> Meter:
    """Return a meter with every sampler."""
    return Meter(doors.clock, samplers_of(doors), waiting_samplers_of(doors), histories=histories)
