"""Every sampler there is, best source of a measure first."""

from __future__ import annotations

from backend.counters.aer import AerSampler
from backend.counters.block import BlockSampler
from backend.counters.drm import DrmSampler
from backend.counters.hwmon import HwmonSampler
from backend.counters.interrupts import InterruptSampler
from backend.counters.kvm import KvmSampler
from backend.counters.link import LinkSampler
from backend.counters.meter import Meter
from backend.counters.netdev import NetdevSampler
from backend.counters.pmu_events import PmuSampler
from backend.counters.process import ProcessSampler
from backend.counters.sampler import Sampler, WaitingSampler
from backend.counters.tracepoints import TracepointSampler
from backend.counters.vf_traffic import VfTrafficSampler
from backend.host.doors import HostDoors


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
    return (VfTrafficSampler(doors), DrmSampler(doors), HwmonSampler(doors))


def meter_of(doors: HostDoors) -> Meter:
    """Return a meter with every sampler."""
    return Meter(doors.clock, samplers_of(doors), waiting_samplers_of(doors))
