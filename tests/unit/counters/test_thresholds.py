"""Thresholds: told after a while beyond, taken back after a while well inside, never coming and going."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from hypothesis import given
from hypothesis import strategies as st

from backend.counters.all import SETS, meter_of
from backend.counters.flows import flow_between
from backend.counters.thresholds import ThresholdWatch
from backend.findings import find
from backend.model.counters import Activity, Counter, CounterSet, Measure, Reading, Stamp, Unit
from backend.model.severity import Severity
from backend.model.threshold import Threshold
from tests.pictures import simulated
from tests.unit.counters.measuring import Measured

DROPS = CounterSet(
    "net", "Net", "statistics",
    (Counter("rx", "lost in", Unit.PACKETS, Measure.DROPS), Counter("tx", "lost out", Unit.PACKETS, Measure.DROPS)),
)  # fmt: skip
LOST = Threshold("lost", "drops", 100.0, True, 80.0, 3.0, Severity.WARNING)


def _activity(rate: float | None) -> Activity:
    half = None if rate is None else int(rate / 2)
    before = Reading("vf", DROPS, (0, 0), Stamp(0, 0), "eth0")
    return {"vf": (flow_between(before, None, Reading("vf", DROPS, (half, half), Stamp(1, 1), "eth0")),)}


def _judged(watch: ThresholdWatch, rates: Sequence[float | None]) -> list[bool]:
    return [bool(watch.judge(_activity(rate), float(now))) for now, rate in enumerate(rates)]


def test_it_is_told_after_a_while_and_taken_back_after_a_while() -> None:
    told = _judged(ThresholdWatch([LOST]), [200, 200, 200, 200, 200, 10, 10, 10, 10, 10])
    assert told == [False, False, False, True, True, True, True, True, False, False]


def test_a_peak_is_not_told_and_a_dip_takes_nothing_back() -> None:
    assert not any(_judged(ThresholdWatch([LOST]), [200, 200, 10, 200, 200, 10] * 4))
    assert all(_judged(ThresholdWatch([LOST]), [200] * 4 + [10, 10, 200] * 4)[3:])


def test_between_the_limits_nothing_changes() -> None:
    assert all(_judged(ThresholdWatch([LOST]), [200] * 4 + [90] * 20)[3:])
    assert not any(_judged(ThresholdWatch([LOST]), [90] * 20))


def test_what_is_not_known_tells_neither() -> None:
    assert all(_judged(ThresholdWatch([LOST]), [200] * 4 + [None] * 20)[3:])
    assert _judged(ThresholdWatch([LOST]), [200, None, 200, 200]) == [False, False, False, True]


def test_what_is_gone_is_forgotten() -> None:
    watch = ThresholdWatch([LOST])
    assert _judged(watch, [200] * 4)[-1]
    assert watch.judge({}, 5.0) == ()
    assert watch.judge(_activity(200), 6.0) == ()


def test_too_little_is_told_as_well() -> None:
    idle = replace(LOST, above=False, limit=10.0, clear=20.0)
    assert _judged(ThresholdWatch([idle]), [5] * 4 + [15] * 5 + [30] * 4)[3:] == [True] * 9 + [False]


@given(st.lists(st.floats(0, 1000) | st.none(), max_size=80), st.floats(0, 9))
def test_it_never_turns_sooner_than_it_was_told_to(rates: list[float | None], seconds: float) -> None:
    told = _judged(ThresholdWatch([replace(LOST, seconds=seconds)]), rates)
    turns = [now for now, (before, after) in enumerate(zip([False, *told], told, strict=False)) if before != after]
    assert all(later - sooner >= seconds for sooner, later in zip([0, *turns], turns, strict=False))


def test_every_set_can_be_named() -> None:
    doors, _ = simulated("duo")
    assert {of.id for of in SETS} == set(meter_of(doors).order)
    assert list(meter_of(doors).order) == [of.id for of in SETS]


def test_on_a_simulated_host_a_finding_comes_and_goes_with_the_load() -> None:
    measured = Measured("duo")
    measured.tick()
    rates = []
    for _ in range(30):
        measured.tick()
        rates.append(measured.rate("0000:01:00.0", "block", "read_bytes") or 0.0)
    middle = sorted(rates)[15]
    busy = Threshold("busy", "block.read_bytes", middle, True, middle, 0.0, Severity.ERROR)
    traps = Threshold("traps", "traps", 1.0, True, 0.5, 2.0, Severity.WARNING)
    watch = ThresholdWatch([busy, traps])
    told = []
    for _ in range(60):
        measured.tick()
        alarms = watch.judge(measured.meter.activity, measured.clock.monotonic())
        found = find(replace(measured.pictured, alarms=alarms))
        told.append({finding.rule for finding in found} & {"threshold-busy", "threshold-traps"})
    assert "threshold-traps" not in told[0]
    assert "threshold-traps" in told[-1]
    assert {"threshold-busy" in rules for rules in told} == {True, False}
    trapped = next(finding for finding in found if finding.rule == "threshold-traps")
    assert "traps on device memory" in trapped.text
    assert trapped.text.startswith("vm ")
    assert trapped.subject in {str(name) for name in measured.host.devices}
