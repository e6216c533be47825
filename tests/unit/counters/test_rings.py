"""The short memory of a figure."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from backend.counters.rings import OLDER, RECENT, STEP, Ring, Rings

values = st.none() | st.integers(0, 1000).map(float)


def _ring(series: list[float | None]) -> Ring:
    ring = Ring()
    for value in series:
        ring.add(value)
    return ring


@given(st.lists(values, max_size=RECENT))
def test_recent_values_come_back_as_they_were(series: list[float | None]) -> None:
    assert _ring(series).recent() == series


@given(st.lists(values, min_size=RECENT, max_size=RECENT + 5 * STEP))
def test_older_values_keep_their_mean_and_their_peak(series: list[float | None]) -> None:
    ring = _ring(series)
    left = series[: len(series) - RECENT]
    parts = [left[start : start + STEP] for start in range(0, len(left) - STEP + 1, STEP)]
    for (mean, peak), part in zip(ring.older(), parts, strict=True):
        told = [value for value in part if value is not None]
        assert peak == max(told, default=None)
        assert mean is None if not told else mean is not None and abs(mean - sum(told) / len(told)) < 0.01


def test_a_ring_never_grows_beyond_its_size() -> None:
    ring = _ring([float(n) for n in range(RECENT + STEP * (OLDER + 3))])
    assert len(ring.recent()) == RECENT
    assert len(ring.older()) == OLDER


def test_the_series_that_nobody_adds_to_goes_first() -> None:
    rings = Rings(most=2)
    for key in ("a", "b", "a", "c"):
        rings.add(key, 1.0)
    assert list(rings.keys()) == ["a", "c"]
    assert rings.get("b") is None
