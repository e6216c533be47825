"""A job's process that does not come up is told of, and does nothing when it comes late."""

from __future__ import annotations

import contextlib
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from backend.host.caller import caller
from backend.host.linux import LinuxHost
from backend.migration.jobs import starting
from backend.migration.jobs.folder import JobFolder
from backend.migration.jobs.starting import NotStarted, ProcessJobs
from backend.model.job import Job, JobState, Move
from backend.ops.journal import MemoryJournal

MOVE = Move("vm", "/nowhere/vm.qmp", "/nowhere/vm.in.qmp")


@pytest.fixture
def jobs(tmp_path: Path) -> Iterator[ProcessJobs]:
    with contextlib.closing(LinuxHost()) as doors:
        yield ProcessJobs(JobFolder(tmp_path), MemoryJournal(doors.clock), doors, patience=0.3)


def interpreter(monkeypatch: pytest.MonkeyPatch, tmp_path: Path, text: str) -> None:
    """Have jobs be started by a program that is not Python."""
    program = tmp_path / "python"
    program.write_text(f"#!/bin/sh\n{text}\n")
    program.chmod(0o700)
    monkeypatch.setattr(sys, "executable", str(program))


async def refused(jobs: ProcessJobs) -> tuple[Job, str]:
    with pytest.raises(NotStarted) as error:
        await jobs.start(MOVE, caller())
    job, state = jobs.get(1)
    assert state is JobState.ENDED
    assert job.failure is not None
    assert job.failure.text == str(error.value)
    return job, job.failure.text


@pytest.mark.parametrize("text", ["exec sleep 600", "exit 0"], ids=["hangs", "says nothing"])
async def test_one_that_does_not_come_up(
    jobs: ProcessJobs, monkeypatch: pytest.MonkeyPatch, tmp_path: Path, text: str
) -> None:
    interpreter(monkeypatch, tmp_path, text)
    _, why = await refused(jobs)
    assert why == f"the job's process does not come up; see {tmp_path / 'jobs' / '1' / 'log'}"


async def test_one_that_ends_with_an_error(jobs: ProcessJobs, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    interpreter(monkeypatch, tmp_path, "echo no such module >&2; exit 3")
    _, why = await refused(jobs)
    log = tmp_path / "jobs" / "1" / "log"
    assert (why, log.read_text()) == (f"the job's process ended with code 3; see {log}", "no such module\n")


async def test_one_that_cannot_be_started(jobs: ProcessJobs, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setattr(sys, "executable", str(tmp_path / "none"))
    _, why = await refused(jobs)
    assert why == "the job's process cannot be started: No such file or directory"


async def test_one_that_comes_late_does_nothing(
    jobs: ProcessJobs, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    python = sys.executable
    interpreter(monkeypatch, tmp_path, "exit 0")
    job, _ = await refused(jobs)
    folder = jobs.folder.path(job.number)
    program = Path(starting.__file__).with_name("__main__.py")
    # It goes into the background; what it says comes to an end when it ends.
    done = subprocess.run([python, "-I", str(program), str(folder)], capture_output=True, timeout=50, check=False)
    assert b"gave up waiting for this process" in done.stderr
    assert jobs.folder.read(job.number) == job
