"""Where the benchmarks touch iovtop's own Python code: the only module that knows its names.

Every function runs in a process of its own (see ``worker``) and imports what it needs when called.
"""

from __future__ import annotations

import contextlib
import time
from typing import TYPE_CHECKING, TypedDict

if TYPE_CHECKING:
    from backend.state.collect import Collector


class TickCost(TypedDict):
    """What a live view cost."""

    ticks: int
    cpu_s: float
    """CPU seconds of all ticks together, without the first collection."""
    wall_s: float
    devices: int
    rows: int
    """Rows on screen, whose dear attributes were read in each tick."""


class HolderCost(TypedDict):
    """What scans for holders cost."""

    scans: int
    cpu_s: float
    """CPU seconds of all scans together."""
    processes: int
    descriptors: int
    """Descriptors that one scan looked at."""


def load_host(sysfs_root: str) -> tuple[object, int]:
    """Return the model of the host at ``sysfs_root``, as a live view holds it, and its number of devices."""
    collector = _read(sysfs_root)
    assert collector.host is not None
    return collector, len(collector.host.devices)


def live_tick_cost(sysfs_root: str, seconds: float) -> TickCost:
    """Run a live view of ``sysfs_root`` with about 50 visible rows, one fast tick after another.

    The ticks need not wait for the clock: it is their CPU time that counts. ``seconds`` is for how long.
    """
    from backend.model.steps import at_once
    from backend.state.live import LISTING_TICKS

    collector = _read(sysfs_root)
    assert collector.host is not None
    visible = {str(device_id) for device_id in list(collector.host.devices)[1000:1050]}
    ticks = 0
    began, cpu = time.perf_counter(), time.process_time()
    while time.perf_counter() - began < seconds:
        listed = collector.unlisted() if ticks % LISTING_TICKS == 0 else set()
        at_once(collector.read_some(listed | visible))
        ticks += 1
    return TickCost(
        ticks=ticks,
        cpu_s=time.process_time() - cpu,
        wall_s=time.perf_counter() - began,
        devices=len(collector.host.devices),
        rows=len(visible),
    )


def scan_holders(seconds: float) -> HolderCost:
    """Scan this machine's /proc for holders, again and again for ``seconds``.

    It is the full scan of all descriptors of all processes that is meant, not the fast tier.
    """
    from backend.host.linux import LinuxHost
    from backend.model.steps import at_once
    from backend.probe.holders.processes import scan_processes

    host = LinuxHost()
    assert host.processes is not None
    scans = 0
    began, cpu = time.perf_counter(), time.process_time()
    while time.perf_counter() - began < seconds:
        at_once(scan_processes(host.files, host.processes))
        scans += 1
    cost = time.process_time() - cpu
    pids = host.processes.pids()
    descriptors = 0
    for pid in pids:
        with contextlib.suppress(OSError):
            descriptors += len(host.files.list(f"/proc/{pid}/fd"))
    return HolderCost(scans=scans, cpu_s=cost, processes=len(pids), descriptors=descriptors)


def _read(sysfs_root: str) -> Collector:
    from backend.host.linux import LinuxHost
    from backend.model.steps import at_once
    from backend.probe.holders import scan_holders
    from backend.state.collect import Collector

    host = LinuxHost(sysfs_root)
    collector = Collector(host)
    at_once(collector.read_all(lambda: scan_holders(host)))
    return collector
