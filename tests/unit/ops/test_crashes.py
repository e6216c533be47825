"""Operations killed at random points: recovery finds the truth by reading the host, and loses nothing."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest

from tests.unit.cli.running import environment


def _crash(folder: Path, first: int, count: int) -> dict[str, int]:
    """Return how many of the rounds ended how."""
    ended = subprocess.run(
        [sys.executable, "-m", "tests.unit.ops.crashes", str(folder), str(first), str(count)],
        env=environment(), stdin=subprocess.DEVNULL, capture_output=True, text=True, timeout=1500, check=False,
    )  # fmt: skip
    assert ended.returncode == 0, ended.stderr
    answer = json.loads(ended.stdout)
    assert answer["wrong"] == []
    told: dict[str, int] = answer["told"]
    assert sum(number for what, number in told.items() if what.startswith("ended")) == count
    return told


@pytest.mark.timeout(300)
@pytest.mark.parametrize("first", [0, 50])
def test_a_hundred_crashes(in_memory: Path, first: int) -> None:
    told = _crash(in_memory / f"crashes-{first}", first, 50)
    # The points are the same in every run, but for those that depend on time: none of these is rare.
    assert all(told[what] for what in ("closed", "open", "finished", "taken back")), told


@pytest.mark.slow
@pytest.mark.timeout(1600)
def test_a_thousand_crashes(in_memory: Path) -> None:
    told = _crash(in_memory / "crashes-slow", 1000, 1000)
    assert told["open"] > 100, told
