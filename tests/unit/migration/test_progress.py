"""How far a migration is, from what query-migrate answers."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from backend.migration.progress import STALL_OFFER, STALL_WARNING, ProgressModel
from backend.model.migration import Convergence, Stall
from backend.model.text import clean

MIB = 1 << 20
PAGE = 4096

_numbers = st.one_of(st.integers(-5, 1 << 62), st.floats(allow_nan=True), st.none(), st.text(max_size=3), st.booleans())
_RAM = ("transferred", "remaining", "total", "dirty-sync-count", "dirty-pages-rate", "page-size")
_ram = st.fixed_dictionaries({}, optional=dict.fromkeys(_RAM, _numbers))
_answers = st.fixed_dictionaries(
    {},
    optional={
        "status": st.one_of(st.sampled_from(["setup", "active", "device", "completed", "failed"]), _numbers),
        "ram": st.one_of(_ram, _numbers),
        "vfio": st.one_of(st.fixed_dictionaries({}, optional={"transferred": _numbers}), _numbers),
        "expected-downtime": _numbers,
        "downtime": _numbers,
        "error-desc": st.one_of(st.text(max_size=20), _numbers),
    },
)


@given(st.lists(st.tuples(_answers, st.floats(0, 60)), min_size=1, max_size=30))
def test_whatever_comes_nothing_runs_backwards(steps: list[tuple[Mapping[str, Any], float]]) -> None:
    model = ProgressModel()
    now, before = 100.0, 0.0
    for answer, pause in steps:
        now += pause
        found = model.take(answer, now)
        assert 0 <= found.pass_done <= 1
        assert before <= found.overall <= 1
        assert found.overall < 1 or found.phase == "completed" or before == 1
        assert found.bandwidth is None or found.bandwidth >= 0
        assert found.stalled >= 0
        assert found.eta is None or 0 <= found.eta[0] <= found.eta[1]
        assert found.error == clean(found.error)
        before = found.overall


def answer(sent: int, left: int, passes: int = 1, *, status: str = "active", **more: Any) -> dict[str, Any]:
    ram = {"transferred": sent, "remaining": left, "total": 1024 * MIB, "dirty-sync-count": passes, "page-size": PAGE}
    return {"status": status, "ram": ram | {"dirty-pages-rate": more.pop("dirty", 0) // PAGE}, **more}


def test_a_bar_that_would_run_backwards_stands_still_and_says_so() -> None:
    model = ProgressModel()
    model.take(answer(0, 1024 * MIB), 0)
    ahead = model.take(answer(900 * MIB, 124 * MIB), 9)
    behind = model.take(answer(1024 * MIB, 800 * MIB, 2), 10)
    assert (ahead.held, behind.held) == (False, True)
    assert behind.overall == ahead.overall
    assert behind.resent == 800 * MIB
    assert (behind.passes, behind.pass_done) == (2, 0.0)
    assert model.take(answer(1424 * MIB, 400 * MIB, 2), 14).pass_done == 0.5


def test_the_end_is_the_end() -> None:
    model = ProgressModel()
    model.take(answer(0, 1024 * MIB), 0)
    end = model.take(answer(1100 * MIB, 0, 4, status="completed", downtime=426), 10)
    assert (end.overall, end.pass_done, end.downtime, end.eta) == (1.0, 1.0, 0.426, None)


def test_device_bytes_are_counted_apart() -> None:
    model = ProgressModel()
    assert model.take(answer(0, MIB), 0).device_sent is None
    found = model.take(answer(10, MIB) | {"vfio": {"transferred": 96}}, 1)
    assert (found.device_sent, found.ram_sent) == (96, 10)


def _steady(bandwidth: int, dirty: int, expected: int, limit: float = 0.3) -> Any:
    model = ProgressModel(limit)
    for second in range(20):
        found = model.take(
            answer(second * bandwidth, 100 * MIB, 2, dirty=dirty) | {"expected-downtime": expected}, float(second)
        )
    return found


def test_it_converges_while_more_gets_across_than_is_dirtied() -> None:
    found = _steady(100 * MIB, 20 * MIB, 900)
    assert (found.convergence, found.advice) == (Convergence.CONVERGES, "")
    low, high = found.eta
    assert 0.5 < low < 1.0 < high < 3.0


def test_it_never_converges_when_the_guest_is_faster_and_says_what_would_help() -> None:
    found = _steady(100 * MIB, 200 * MIB, 1800)
    assert found.convergence is Convergence.NEVER
    assert found.eta is None
    assert found.advice.startswith("will not converge below 1678 Mbit/s: the guest dirties 200 MiB/s and 100 MiB/s")
    assert "a downtime limit of 1800 ms would do" in found.advice


def test_what_fits_into_the_limit_is_due() -> None:
    assert _steady(100 * MIB, 200 * MIB, 250).convergence is Convergence.FITS


def test_before_the_second_pass_nobody_knows() -> None:
    model = ProgressModel()
    model.take(answer(0, 1024 * MIB), 0)
    found = model.take(answer(100 * MIB, 924 * MIB) | {"expected-downtime": 300}, 1)
    assert (found.convergence, found.downtime_expected, found.dirty_rate) == (Convergence.UNKNOWN, None, None)


def test_a_stall_is_noticed_and_ends() -> None:
    model = ProgressModel()
    model.take(answer(0, 100), 0)
    model.take(answer(50, 50), 1)
    assert model.take(answer(50, 50), 1 + STALL_WARNING - 0.1).stall is Stall.NONE
    assert model.take(answer(50, 50), 1 + STALL_WARNING).stall is Stall.WARNING
    assert model.take(answer(50, 50), 1 + STALL_OFFER).stall is Stall.OFFER
    assert model.take(answer(51, 49), 2 + STALL_OFFER).stall is Stall.NONE


def test_waiting_for_the_operator_is_no_stall() -> None:
    model = ProgressModel()
    model.take(answer(0, 100), 0)
    found = model.take(answer(0, 100, status="pre-switchover"), 60)
    assert (found.stall, found.paused) == (Stall.NONE, True)
