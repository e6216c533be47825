"""Traffic of VFs: what the PF's driver counts, and what zeroes mean."""

from __future__ import annotations

from backend.counters.vf_traffic import readings_of
from backend.model.counters import CounterState, Stamp
from backend.model.links import VfInfo, VfStats, VfTable
from tests.unit.counters.measuring import Measured

AT = Stamp(1.0, 1.0)
ZERO, SOME = VfStats(), VfStats(rx_bytes=5, tx_bytes=6, rx_packets=1, tx_packets=2, broadcast=3)
VFS = {0: "0000:01:10.0", 1: "0000:01:10.2"}


def _table(*stats: VfStats, count: int = 2, reason: str = "") -> VfTable:
    infos = tuple(VfInfo(index, "00:00:00:00:00:00") for index in range(len(stats)))
    return VfTable("eth0", 3, "0000:01:00.0", count, infos, stats, reason)


def test_a_vf_in_a_guest_has_its_traffic() -> None:
    measured = Measured("duo")
    measured.wait()
    measured.clock.advance(1.0)
    measured.wait()
    held = "0000:c1:00.2"
    flow = measured.flow(held, "vf-traffic")
    assert flow.instance == "ens3f0np0"
    assert (flow.rates[0] or 0) > 1e5
    idle = measured.flow("0000:c1:00.6", "vf-traffic")
    assert (idle.state, idle.rates[0]) == (CounterState.KNOWN, 0.0)


def test_zeroes_of_a_driver_that_does_not_count_are_not_shown() -> None:
    (first, _) = readings_of(_table(ZERO, ZERO), "igb", "6.12.1", VFS, AT)
    assert first.state is CounterState.NOT_COUNTED
    assert set(first.values) == {None}
    assert "igb" in first.reason


def test_zeroes_of_a_driver_that_counts_are_zeroes() -> None:
    (first, _) = readings_of(_table(ZERO, ZERO), "ice", "6.12.1-amd64", VFS, AT)
    assert (first.state, first.values[0]) == (CounterState.KNOWN, 0)
    (older, _) = readings_of(_table(ZERO, ZERO), "ice", "5.10.0", VFS, AT)
    assert older.state is CounterState.UNKNOWN


def test_figures_of_a_driver_that_nobody_knew_are_figures() -> None:
    (first, _) = readings_of(_table(SOME, ZERO), "some-new-driver", "5.4", VFS, AT)
    assert (first.state, first.values) == (CounterState.KNOWN, (5, 6, 1, 2, 0, 0, 3, 0))


def test_a_list_that_was_cut_says_so_of_the_rest() -> None:
    reason = "the kernel lists 1 of 2 VFs"
    (first, second) = readings_of(_table(SOME, reason=reason), "ice", "6.12", VFS, AT)
    assert first.state is CounterState.KNOWN
    assert (second.state, second.reason) == (CounterState.UNKNOWN, reason)
