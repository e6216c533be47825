"""Traffic of VFs as their PF counts it: works while a VF is in a guest, and needs no root.

One question to rtnetlink tells of all VFs of a PF. The kernel prints zeroes for every driver that counts nothing per
VF, so that zeroes alone prove nothing: a table of drivers decides what they mean.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence

from backend.counters.representors import Representors
from backend.counters.sampler import About, nothing, stamp, state_of
from backend.host.doors import HostDoors, StillWaiting
from backend.model.counters import Counter, CounterSet, CounterState, Measure, Reading, Stamp, Unit
from backend.model.device import Device
from backend.model.host import Host
from backend.model.links import VfStats, VfTable

VF_TRAFFIC = CounterSet(
    "vf-traffic",
    "VF traffic, counted by its PF",
    "rtnetlink IFLA_VF_STATS",
    (
        Counter("rx_bytes", "received", Unit.BYTES, Measure.IN),
        Counter("tx_bytes", "sent", Unit.BYTES, Measure.OUT),
        Counter("rx_packets", "packets received", Unit.PACKETS, Measure.PACKETS_IN),
        Counter("tx_packets", "packets sent", Unit.PACKETS, Measure.PACKETS_OUT),
        Counter("rx_dropped", "dropped on receipt", Unit.PACKETS, Measure.DROPS),
        Counter("tx_dropped", "dropped on sending", Unit.PACKETS, Measure.DROPS),
        Counter("broadcast", "broadcasts", Unit.PACKETS),
        Counter("multicast", "multicasts", Unit.PACKETS),
    ),
)

COUNTING_DRIVERS = frozenset(
    {"LiquidIO", "fm10k", "i40e", "ice", "ionic", "ixgbe", "mlx4_core", "mlx5_core"}
)  # fmt: skip
"""Drivers of PFs that implement ``ndo_get_vf_stats`` in Linux 6.12 (``grep -rl ndo_get_vf_stats drivers/``); IPoIB
interfaces come with the two of Mellanox."""

CHECKED = (6, 12)
"""The kernel whose drivers the table was made from: an older one may count less."""

_DEADLINE = 4.0
_VERSION = re.compile(r"(\d+)\.(\d+)", re.ASCII)


class VfTrafficSampler:
    """Asks the interface of each PF that has VFs among the devices."""

    about = About("vf-traffic", "VF traffic by the PF", (VF_TRAFFIC,), "", "2 in a child process, for all VFs of a PF")

    def __init__(self, doors: HostDoors) -> None:
        self._links = doors.links
        self._clock = doors.clock
        self._representors = Representors(doors.files)

    async def gather(self, host: Host, devices: Sequence[Device]) -> list[Reading]:
        """Return a reading for each VF among ``devices`` whose PF has an interface here."""
        wanted: dict[str, dict[int, str]] = {}
        for device in devices:
            if device.index is not None and device.parent:
                wanted.setdefault(device.parent, {})[device.index] = str(device.id)
        pfs = {str(device.id): device for device in host.devices.values() if str(device.id) in wanted}
        found: list[Reading] = []
        for name, pf in pfs.items():
            interface = next((one for one in pf.netdevs if self._representors.vf_of(name, one) is None), "")
            if interface:
                found += await self._ask(host, pf, interface, wanted[name])
        return found

    async def _ask(self, host: Host, pf: Device, interface: str, vfs: Mapping[int, str]) -> list[Reading]:
        try:
            table = await self._links.vfs(interface, statistics=True, deadline=_DEADLINE)
        except StillWaiting as waiting:
            return self._without(vfs, interface, CounterState.STALE, str(waiting))
        except OSError as error:
            return self._without(vfs, interface, *state_of(error, f"the VFs of {interface}"))
        if table.parent and table.parent != pf.id:
            reason = f"{interface} belongs to {table.parent} now"
            return self._without(vfs, interface, CounterState.UNKNOWN, reason)
        return readings_of(table, pf.driver, host.kernel, vfs, stamp(self._clock))

    def _without(self, vfs: Mapping[int, str], interface: str, state: CounterState, reason: str) -> list[Reading]:
        at = stamp(self._clock)
        return [nothing(vf, VF_TRAFFIC, at, state, reason, interface) for vf in vfs.values()]


def readings_of(table: VfTable, driver: str, kernel: str, vfs: Mapping[int, str], at: Stamp) -> list[Reading]:
    """Return what a table says of the VFs ``vfs`` (index → id): figures, or why there are none."""
    told = {info.index: stats for info, stats in zip(table.vfs, table.stats, strict=True)} if table.stats else {}
    counts = driver in COUNTING_DRIVERS
    found = []
    for index, vf in vfs.items():
        stats = told.get(index)
        if stats is None:
            reason = table.reason or "the kernel tells nothing of this VF"
            found.append(nothing(vf, VF_TRAFFIC, at, CounterState.UNKNOWN, reason, table.interface))
        elif _moved(stats) or (counts and not _is_older(kernel)):
            found.append(Reading(vf, VF_TRAFFIC, _values(stats), at, table.interface))
        elif counts:
            reason = f"all zero, and the {driver} of a kernel before {CHECKED[0]}.{CHECKED[1]} may not count"
            found.append(nothing(vf, VF_TRAFFIC, at, CounterState.UNKNOWN, reason, table.interface))
        else:
            reason = f"{driver or 'its driver'} does not count per VF: the kernel prints zeroes for it"
            found.append(nothing(vf, VF_TRAFFIC, at, CounterState.NOT_COUNTED, reason, table.interface))
    return found


def _values(stats: VfStats) -> tuple[int, ...]:
    return (
        stats.rx_bytes, stats.tx_bytes, stats.rx_packets, stats.tx_packets, stats.rx_dropped, stats.tx_dropped,
        stats.broadcast, stats.multicast,
    )  # fmt: skip


def _moved(stats: VfStats) -> bool:
    return any(_values(stats))


def _is_older(kernel: str) -> bool:
    version = _VERSION.match(kernel)
    return version is None or (int(version[1]), int(version[2])) < CHECKED
