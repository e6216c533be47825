"""How far a migration is, in words."""

from __future__ import annotations

import pytest

from backend.model.migration import Progress
from backend.present.migrating import progress_line, progress_panel


@pytest.mark.parametrize(
    ("eta", "text"),
    [
        ((2.2, 17.0), "switchover in 2 to 17 s"),
        ((0.6, 1.4), "switchover in 1 s"),
        ((0.0, 0.4), "switchover in less than 1 s"),
    ],
)
def test_when_the_switchover_is_expected(eta: tuple[float, float], text: str) -> None:
    progress = Progress(at=3.0, phase="active", eta=eta)
    assert progress_line(progress).endswith(f"  {text}")
    assert any(line.endswith(f", {text}") for line in progress_panel(progress))


def test_what_is_not_known_is_not_shown_as_nothing() -> None:
    lines = list(progress_panel(Progress(at=3.0, phase="cancelled", overall=0.06)))
    assert not any("RAM" in line for line in lines)
    assert "downtime not known yet, 300 ms allowed" in lines


@pytest.mark.parametrize(
    ("expected", "stood", "text"), [(0.02, None, "20 ms expected"), (None, 0.046, "46 ms"), (0.02, 0.046, "46 ms")]
)
def test_how_long_the_guest_stands_still(expected: float | None, stood: float | None, text: str) -> None:
    progress = Progress(at=3.0, phase="completed", ram_total=1 << 30, downtime_expected=expected, downtime=stood)
    assert f"downtime {text}, 300 ms allowed" in progress_panel(progress)
    assert any(line.startswith("sent     RAM 0 B of 1 GiB") for line in progress_panel(progress))
