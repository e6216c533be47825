"""What libvirt says of a job, as QEMU would say it. The figures are those of a libvirt 9.0 between two QEMUs 10.0."""

from __future__ import annotations

from typing import Any

import pytest

from backend.migration.job_stats import as_query_migrate, migrating, phase_of
from backend.migration.progress import ProgressModel
from backend.model.migration import Convergence

EMPTY = {"operation": 5, "time_elapsed": 501, "memory_total": 0, "memory_processed": 0, "memory_remaining": 0,
         "memory_dirty_rate": 0, "memory_iteration": 0, "type": 2}  # fmt: skip
FIRST = {"operation": 5, "time_elapsed": 1510, "downtime": 300, "memory_total": 67641344, "memory_processed": 9195339,
         "memory_remaining": 57561088, "memory_bps": 8839557, "memory_dirty_rate": 0, "memory_iteration": 1,
         "memory_page_size": 4096, "type": 2}  # fmt: skip
SECOND = {**FIRST, "time_elapsed": 3065, "downtime": 1843, "memory_processed": 22043112, "memory_remaining": 12189696,
          "memory_dirty_rate": 2035, "memory_iteration": 2}  # fmt: skip


@pytest.mark.parametrize(
    ("stats", "paused", "phase"),
    [
        ({"type": 0}, False, "setup"),
        (EMPTY, False, "setup"),
        (FIRST, False, "active"),
        (SECOND, True, "device"),
        ({**EMPTY, "type": 3}, False, "device"),
        ({**EMPTY, "type": 4}, False, "cancelling"),
        ({**EMPTY, "type": 5}, False, "cancelling"),
    ],
)
def test_phases(stats: dict[str, Any], paused: bool, phase: str) -> None:
    assert phase_of(stats, paused=paused) == phase


@pytest.mark.parametrize(
    ("stats", "found"),
    [(EMPTY, True), (FIRST, True), ({"type": 0}, False), ({"type": 5}, False), ({"type": 2, "operation": 2}, False)],
)
def test_who_is_on_the_way(stats: dict[str, Any], found: bool) -> None:
    assert migrating(stats) is found


def test_the_model_shows_what_libvirt_counts() -> None:
    model = ProgressModel(0.3)
    model.take(as_query_migrate(FIRST, "active"), 10.0)
    found = model.take(as_query_migrate(SECOND, "active"), 11.5)
    assert (found.ram_total, found.ram_sent, found.ram_left) == (67641344, 22043112, 12189696)
    assert (found.passes, found.dirty_rate, found.downtime_expected) == (2, 2035 * 4096, 1.843)
    assert found.bandwidth == pytest.approx((22043112 - 9195339) / 1.5)
    assert found.convergence is Convergence.NEVER
    assert found.device_sent is None


def test_what_devices_sent_is_shown_where_libvirt_counts_it() -> None:
    found = ProgressModel().take(as_query_migrate({**SECOND, "vfio_data_transferred": 5 << 20}, "active"), 1.0)
    assert found.device_sent == 5 << 20


def test_the_end() -> None:
    done = ProgressModel().take(as_query_migrate({**SECOND, "downtime": 37}, "completed"), 1.0)
    assert (done.downtime, done.downtime_expected, done.overall) == (0.037, None, 1.0)
    failed = ProgressModel().take(as_query_migrate(SECOND, "failed", "it stumbled"), 1.0)
    assert (failed.phase, failed.error) == ("failed", "it stumbled")
