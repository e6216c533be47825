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
