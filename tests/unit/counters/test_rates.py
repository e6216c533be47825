"""Rates: whatever two readings say, no negative and no absurd figure comes out."""

from __future__ import annotations

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from backend.counters.rates import rate, seconds_between, step
from backend.model.counters import Counter, CounterKind, Measure, Stamp, Unit

BYTES = Counter("rx_bytes", "in", Unit.BYTES, Measure.IN)
NARROW = Counter("count", "interrupts", Unit.INTERRUPTS, Measure.INTERRUPTS, bits=32)
LEVEL = Counter("temp", "temperature", Unit.MILLIDEGREES, kind=CounterKind.LEVEL)

clocks = st.floats(allow_nan=True, allow_infinity=True)
stamps = st.builds(Stamp, clocks, clocks)
totals = st.integers(min_value=0, max_value=2**64 - 1)
counters = st.sampled_from([*(Counter("c", "c", unit, bits=bits) for unit in Unit for bits in (32, 48, 64))])


@given(counters, totals, totals, stamps, stamps)
def test_never_negative_never_absurd(counter: Counter, before: int, after: int, then: Stamp, now: Stamp) -> None:
    found = rate(counter, before, after, seconds_between(then, now))
    assert found is None or (0 <= found <= 1e16 and math.isfinite(found))


@given(
    st.integers(0, 2**32 - 1),
    st.integers(0, 2**28),
    st.floats(min_value=3.0, max_value=600),
    st.floats(min_value=0, max_value=1e9),
)
def test_a_wrap_counts_as_what_went_by(before: int, went: int, seconds: float, start: float) -> None:
    interval = seconds_between(Stamp(start, start), Stamp(start + seconds, start + seconds))
    found = rate(NARROW, before, (before + went) % 2**32, interval)
    assert interval is not None
    assert found == pytest.approx(went / interval)


@given(st.integers(1, 2**64 - 1).flatmap(lambda top: st.tuples(st.just(top), st.integers(0, top - 1))))
def test_a_wide_counter_that_falls_was_set_back(values: tuple[int, int]) -> None:
    before, after = values
    assert step(BYTES, before, after) is None


def test_a_narrow_counter_set_back_from_a_small_value_has_not_wrapped() -> None:
    assert step(NARROW, 1_000, 3) is None
    assert step(NARROW, 2**32 - 1, 3) == 4


@given(st.floats(0, 1e9), st.floats(1, 3600), st.floats(0.3, 1e6))
def test_a_sleep_gives_no_rate(start: float, running: float, slept: float) -> None:
    assert seconds_between(Stamp(start, start), Stamp(start + running, start + running + slept)) is None


def test_clocks_that_stand_still_or_run_backwards_give_no_rate() -> None:
    moment = Stamp(100.0, 100.0)
    assert seconds_between(moment, moment) is None
    assert seconds_between(moment, Stamp(99.0, 99.0)) is None
    assert seconds_between(moment, Stamp(101.0, 99.0)) is None
    assert seconds_between(moment, Stamp(math.nan, 101.0)) is None
    assert seconds_between(moment, Stamp(101.0, 101.0)) == 1.0


def test_a_rate_needs_two_values_and_a_level_one() -> None:
    assert rate(BYTES, None, 5, 1.0) is None
    assert rate(BYTES, 5, None, 1.0) is None
    assert rate(BYTES, 0, 3000, 2.0) == 1500.0
    assert rate(LEVEL, None, 41_000, None) == 41_000.0


def test_more_than_any_hardware_can_is_no_rate() -> None:
    assert rate(BYTES, 0, 10**15, 1.0) is None
    assert rate(NARROW, 2**32 - 10, 2**30 - 1, 1.0) is None
