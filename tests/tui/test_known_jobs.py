"""How often the screen looks at the records of jobs."""

from __future__ import annotations

import contextlib
import os
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from backend.host.linux import LinuxHost
from backend.migration.jobs.folder import JobFolder
from backend.migration.jobs.starting import ProcessJobs
from backend.model.job import Failure, JobState
from backend.ops.journal import MemoryJournal
from tests.tui.jobs import MOVE, WHO
from tui.migrations import Migrations


class Counting(JobFolder):
    """Remembers at whose record somebody looked."""

    def __init__(self, state: Path) -> None:
        super().__init__(state)
        self.looked: list[int] = []

    def stamp(self, number: int) -> tuple[int, int]:
        self.looked.append(number)
        return super().stamp(number)


@pytest.fixture
def folder(tmp_path: Path) -> Counting:
    return Counting(tmp_path)


@pytest.fixture
def migrations(folder: Counting) -> Iterator[Migrations]:
    with contextlib.closing(LinuxHost()) as doors:
        yield Migrations(doors, ProcessJobs(folder, MemoryJournal(doors.clock), doors, patience=1e12))


def end(folder: JobFolder, number: int, why: str) -> None:
    folder.write(replace(folder.read(number), failure=Failure(why), ended=2.0))


def states(migrations: Migrations) -> dict[int, JobState]:
    return {job.number: state for job, state in migrations.all()}


def test_a_job_that_ended_is_not_looked_at_again(folder: Counting, migrations: Migrations) -> None:
    for _ in range(2):
        folder.add(MOVE, WHO, 1.0)
    assert states(migrations) == {2: JobState.STARTING, 1: JobState.STARTING}
    end(folder, 1, "no")
    assert states(migrations) == {2: JobState.STARTING, 1: JobState.ENDED}
    folder.looked.clear()
    assert states(migrations) == {2: JobState.STARTING, 1: JobState.ENDED}
    assert folder.looked == [2]


def test_a_number_that_was_given_anew_is_another_job(folder: Counting, migrations: Migrations) -> None:
    folder.add(MOVE, WHO, 1.0)
    end(folder, 1, "no")
    os.utime(folder.root, (1, 1))  # the kernel's clock of files has ticked since then
    assert states(migrations) == {1: JobState.ENDED}
    folder.remove(1)
    assert folder.add(MOVE, WHO, 3.0).number == 1
    assert states(migrations) == {1: JobState.STARTING}
    os.utime(folder.root, (1, 1))
    folder.remove(1)
    assert states(migrations) == {}
