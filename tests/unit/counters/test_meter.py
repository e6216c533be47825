"""What is measured, when, and what is forgotten."""

from __future__ import annotations

from backend.counters.flows import flow_between
from backend.model.counters import Counter, CounterSet, CounterState, Reading, Stamp, Unit
from tests.unit.counters.measuring import Measured

PF, HELD = "0000:c1:00.0", "0000:c1:00.2"
SET = CounterSet("set", "Set", "somewhere", (Counter("bytes", "bytes", Unit.BYTES),))


def _reading(value: int | None, seconds: float, state: CounterState = CounterState.KNOWN) -> Reading:
    return Reading("subject", SET, (value,), Stamp(seconds, seconds), state=state)


def test_only_what_is_asked_for_is_read() -> None:
    measured = Measured("duo")
    measured.tick({HELD})
    assert measured.meter.activity.keys() == {HELD, "pid:20211"}
    assert {reading.subject for reading in measured.readings} == {HELD, "pid:20211"}


def test_nothing_asked_for_costs_no_call() -> None:
    measured = Measured("duo")
    measured.tick({HELD})
    before = measured.doors.faults.calls
    measured.tick(frozenset())
    assert measured.doors.faults.calls == before
    assert measured.meter.activity == {}


def test_cost_follows_what_is_asked_for_not_the_host() -> None:
    counts = []
    for vfs in (8, 64):
        measured = Measured(f"scale:pfs=2,vfs={vfs},mdevs=0")
        some = sorted(map(str, measured.host.devices))[:6]
        measured.tick(some)
        before = measured.doors.faults.calls
        measured.tick(some)
        counts.append(measured.doors.faults.calls - before)
    assert counts[0] == counts[1]


def test_what_comes_back_begins_anew() -> None:
    measured = Measured("duo")
    measured.tick({PF})
    measured.tick({PF})
    assert measured.rate(PF, "netdev", "rx_bytes") is not None
    measured.tick(frozenset(), seconds=500.0)
    measured.tick({PF})
    flow = measured.flow(PF, "netdev")
    assert flow.rates[0] is None
    assert flow.state is CounterState.UNKNOWN
    assert "wants two" in flow.reason


def test_what_hardly_moves_is_read_less_often() -> None:
    measured = Measured("duo")
    sets = []
    for _ in range(3):
        measured.tick({PF})
        sets.append({reading.set.id for reading in measured.readings})
    assert "aer" in sets[0]
    assert "aer" not in sets[1] | sets[2]
    assert all("netdev" in seen for seen in sets)
    measured.tick({PF}, seconds=10.0)
    assert "aer" in {reading.set.id for reading in measured.readings}


def test_an_interface_that_is_gone_leaves_no_flow() -> None:
    measured = Measured("duo")
    measured.tick({PF})
    network = measured.doors.kernel.network
    network.remove(network.devices["ens3f0np0"])
    measured.look_again()
    measured.tick({PF})
    assert "netdev" not in {flow.set.id for flow in measured.meter.activity[PF]}


def test_a_machine_that_slept_gives_no_rate_once() -> None:
    measured = Measured("duo")
    measured.tick({PF})
    measured.tick({PF})
    measured.clock.sleep_through(3600.0)
    measured.tick({PF})
    slept = measured.flow(PF, "netdev")
    assert slept.rates[0] is None
    assert "slept" in slept.reason
    measured.tick({PF})
    assert measured.rate(PF, "netdev", "rx_bytes") is not None


def test_the_short_memory_follows() -> None:
    measured = Measured("duo")
    for _ in range(4):
        measured.tick({PF})
    ring = measured.meter.ring(PF, measured.flow(PF, "netdev"), 0)
    assert ring is not None
    values = ring.recent()
    assert values[0] is None
    assert all(value is not None and value > 0 for value in values[1:])
    assert len(values) == 4


def test_a_unit_stays_while_the_value_moves_around_its_border() -> None:
    first = flow_between(None, None, _reading(0, 0.0))
    second = flow_between(_reading(0, 0.0), first, _reading(1_100_000, 1.0))
    third = flow_between(_reading(1_100_000, 1.0), second, _reading(1_900_000, 2.0))
    assert second.scales == third.scales == (2,)
    assert third.rates == (800_000.0,)


def test_no_rate_comes_of_a_reading_that_is_not_known() -> None:
    flow = flow_between(_reading(5, 0.0), None, _reading(9, 1.0, CounterState.POSTED))
    assert flow.state is CounterState.POSTED
    assert flow.rates == (None,)
    assert flow.values == (9,)
