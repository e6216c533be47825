"""Boots run side by side: each with its own output, and none left behind."""

from __future__ import annotations

import os
import time
from pathlib import Path

import pytest

from tests.lab.errors import LabError
from tests.lab.side_by_side import side_by_side


def meet(mine: Path, other: Path) -> str:
    mine.touch()
    while not other.exists():
        time.sleep(0.01)
    os.write(1, f"{mine.name} met {other.name}\n".encode())
    return mine.name


def test_they_run_at_the_same_time_and_their_output_is_kept_apart(tmp_path: Path) -> None:
    one, two = tmp_path / "one", tmp_path / "two"
    found = side_by_side({"1": lambda: meet(one, two), "2": lambda: meet(two, one)}, 2)
    assert sorted(found) == [("1", "one", b"one met two\n"), ("2", "two", b"two met one\n")]


def test_one_after_the_other() -> None:
    found = list(side_by_side({str(number): os.getpid for number in range(3)}, 1))
    assert [name for name, _, _ in found] == ["0", "1", "2"]
    assert len({pid for _, pid, _ in found} | {os.getpid()}) == 4


def fail() -> None:
    raise LabError("no such kernel")


def test_what_goes_wrong_is_told_and_the_others_end(tmp_path: Path) -> None:
    def wait_for_ever() -> None:
        try:
            (tmp_path / "began").touch()
            time.sleep(600)
        finally:
            (tmp_path / "ended").touch()

    def fail_then() -> None:
        while not (tmp_path / "began").exists():
            time.sleep(0.01)
        fail()

    with pytest.raises(LabError, match="no such kernel"):
        list(side_by_side({"bad": fail_then, "slow": wait_for_ever}, 2))
    assert (tmp_path / "ended").exists()


def test_a_call_that_dies() -> None:
    with pytest.raises(LabError, match="bad ended without a result"):
        list(side_by_side({"bad": lambda: os._exit(3)}, 2))
