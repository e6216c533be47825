"""Units that do not jump."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from backend.counters.scale import LARGEST, next_scale

values = st.floats(min_value=0, max_value=1e16, allow_nan=False)


@given(st.none() | st.integers(0, LARGEST), values)
def test_a_value_always_fits_its_unit(before: int | None, value: float) -> None:
    scale = next_scale(before, value)
    assert 0 <= scale <= LARGEST
    assert value < 1000 ** (scale + 1) or scale == LARGEST
    assert value == 0 or scale == 0 or value >= 0.05 * 1000**scale


@given(values, values)
def test_the_same_value_again_keeps_its_unit(first: float, second: float) -> None:
    scale = next_scale(next_scale(None, first), second)
    assert next_scale(scale, second) == scale


def test_a_value_that_moves_around_a_border_keeps_its_unit() -> None:
    scale = None
    seen = []
    for value in (990e3, 1.01e6, 980e3, 1.2e6, 700e3, 0, 900e3):
        scale = next_scale(scale, value)
        seen.append(scale)
    assert seen == [1, 2, 2, 2, 2, 2, 2]
    assert next_scale(2, 40e3) == 1
