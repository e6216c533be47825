"""Migrations as jobs: processes of their own between real QEMUs, tasks on simulated hosts."""

from __future__ import annotations

import asyncio
import contextlib
import os
import signal
from collections.abc import AsyncIterator, Callable
from dataclasses import replace
from pathlib import Path

import pytest
import pytest_asyncio

from backend.cli.snapshot import take
from backend.host.caller import caller
from backend.host.doors import HostDoors
from backend.host.linux import LinuxHost
from backend.migration.jobs.folder import JobFolder, NoJob
from backend.migration.jobs.orders import Adjust, Cancel, Continue, NobodyListens
from backend.migration.jobs.starting import Jobs, ProcessJobs, TaskJobs
from backend.migration.preparing import prepare
from backend.model.job import Job, JobState, Limits, Move
from backend.model.migration import Where
from backend.model.plan import RunState
from backend.ops.journal import Journal, MemoryJournal
from backend.ops.journal_file import FileJournal
from tests.qemu.machines import Pair

SLOW = 2 << 20


class Desk:
    """The jobs of a pair, and what a test asks of them."""

    def __init__(self, pair: Pair, jobs: Jobs, journal: Journal) -> None:
        self.pair = pair
        self.jobs = jobs
        self.journal = journal

    async def start(self, **options: object) -> Job:
        await self.pair.up()
        source, destination = self.pair.source, self.pair.destination
        host = "there" if self.pair.kind == "simulated" else ""
        move = Move(source.name, source.monitor, destination.monitor, source.pid, host=host, **options)  # type: ignore[arg-type]
        return await self.jobs.start(move, caller())

    async def going(self) -> Job:
        """Start one that cannot end by itself, however little its guest does; return it when it is under way."""
        job = await self.start(bandwidth=SLOW, hold=True)
        phases = ("active", "pre-switchover")
        return await self.until(job.number, lambda j: j.progress is not None and j.progress.phase in phases)

    async def until(self, number: int, condition: Callable[[Job], object]) -> Job:
        while True:
            job, _ = self.jobs.get(number)
            if condition(job):
                return job
            assert not job.over, job
            await asyncio.sleep(0.02)

    async def end(self, number: int) -> Job:
        return await self.until(number, lambda job: job.over)

    async def entry(self, ended: RunState) -> str:
        """Return what the journal says of the one operation, once it has ended so."""
        while not (entries := self.journal.entries()) or entries[0].ended is None:
            await asyncio.sleep(0.02)
        assert entries[0].ended is ended
        return entries[0].text


@pytest_asyncio.fixture
async def desk(pair: Pair, tmp_path: Path) -> AsyncIterator[Desk]:
    if pair.kind == "simulated":
        here, there = pair.hosts
        assert here is not None
        assert there is not None

        def elsewhere(name: str) -> HostDoors:
            assert name == "there"
            return there

        memory = MemoryJournal(here.clock)
        jobs = TaskJobs(memory, here, elsewhere)
        yield Desk(pair, jobs, memory)
        await jobs.finished()
        return
    with contextlib.closing(LinuxHost()) as doors:
        journal = FileJournal(tmp_path, doors.clock)
        yield Desk(pair, ProcessJobs(JobFolder(tmp_path), journal, doors), journal)


async def test_it_moves_and_is_kept(desk: Desk) -> None:
    job = await desk.start(bandwidth=0, downtime=1.0)
    job = await desk.end(job.number)
    assert job.verdict is not None
    assert (job.verdict.where, job.verdict.moved) == (Where.DESTINATION, True)
    assert job.progress is not None
    assert job.progress.overall == 1.0
    assert job.history
    assert await desk.entry(RunState.DONE) == job.verdict.text
    with pytest.raises(NobodyListens, match="has ended"):
        await desk.jobs.tell(job.number, Cancel())


async def test_cancel_and_limits_reach_it(desk: Desk) -> None:
    job = await desk.going()
    await desk.jobs.tell(job.number, Adjust(bandwidth=2 * SLOW, downtime=0.1))
    changed = await desk.until(job.number, lambda j: j.move.bandwidth == 2 * SLOW)
    assert changed.move.downtime == 0.1
    await desk.jobs.tell(job.number, Cancel())
    job = await desk.end(job.number)
    assert job.verdict is not None
    assert (job.verdict.where, job.cancelling) == (Where.SOURCE, True)
    assert "it was cancelled" in await desk.entry(RunState.ABORTED)


async def test_held_until_told(desk: Desk) -> None:
    job = await desk.start(bandwidth=0, downtime=1.0, hold=True)
    held = await desk.until(
        job.number, lambda j: j.progress is not None and (j.progress.passes >= 2 or j.progress.paused)
    )
    assert not held.released
    await desk.jobs.tell(job.number, Continue())
    job = await desk.end(job.number)
    assert job.verdict is not None
    assert job.verdict.where is Where.DESTINATION


async def test_what_cannot_begin_says_why(desk: Desk) -> None:
    job = await desk.start(uri="pigeon:1")
    job = await desk.end(job.number)
    assert job.failure is not None or (job.verdict is not None and job.verdict.where is Where.SOURCE)
    await desk.entry(RunState.ABORTED if job.failure is not None else RunState.FAILED)


def _only_real(desk: Desk) -> None:
    if desk.pair.kind != "real":
        pytest.skip("jobs of simulated hosts are tasks of this process")


async def test_a_dead_job_is_taken_up_again(desk: Desk) -> None:
    _only_real(desk)
    job = await desk.going()
    os.kill(job.pid, signal.SIGKILL)
    while desk.jobs.state(job) is not JobState.DIED:
        await asyncio.sleep(0.02)
    job = await desk.jobs.settle(job)
    assert not job.over  # QEMU goes on by itself
    again = await desk.jobs.take_up(job)
    assert again.pid != job.pid
    await desk.jobs.tell(job.number, Adjust(bandwidth=0, downtime=2.0))
    await desk.jobs.tell(job.number, Continue())
    job = await desk.end(job.number)
    assert job.verdict is not None
    assert job.verdict.where is Where.DESTINATION
    assert len(desk.journal.entries()) == 1
    await desk.entry(RunState.DONE)


async def test_a_dead_job_is_settled_by_asking(desk: Desk) -> None:
    _only_real(desk)
    job = await desk.going()
    os.kill(job.pid, signal.SIGKILL)
    desk.pair.destination.kill()
    while desk.jobs.state(job) is not JobState.DIED:
        await asyncio.sleep(0.02)
    while not (job := await desk.jobs.settle(job)).over:
        await asyncio.sleep(0.1)
    assert job.verdict is not None
    assert job.verdict.where is Where.SOURCE
    assert job.verdict.text.startswith("the job's process died; ")
    await desk.entry(RunState.FAILED)


async def test_the_end_of_a_terminal_does_not_end_it(desk: Desk) -> None:
    _only_real(desk)
    job = await desk.going()
    assert os.getsid(job.pid) not in (os.getsid(0), 0)
    for number in (signal.SIGHUP, signal.SIGINT):
        os.kill(job.pid, number)
    assert os.readlink(f"/proc/{job.pid}/fd/0") == "/dev/null"
    await desk.jobs.tell(job.number, Adjust(bandwidth=0, downtime=2.0))
    await desk.jobs.tell(job.number, Continue())
    job = await desk.end(job.number)
    assert job.verdict is not None
    assert job.verdict.moved


def test_a_record_is_whole_or_reported(tmp_path: Path) -> None:
    folder = JobFolder(tmp_path)
    job = folder.add(Move("vm", "/a", "/b"), caller(), 1.0)
    assert folder.read(job.number) == job
    record = folder.path(job.number) / "record"
    whole = record.read_bytes()
    for damaged in (whole[:-20], whole.replace(b'"vm"', b'"wm"', 1), b"", b"00000000 {}\n"):
        record.write_bytes(damaged)
        with pytest.raises(NoJob, match=r"damaged|another version"):
            folder.read(job.number)
        assert [str(one) for one in folder.jobs() if isinstance(one, NoJob)]
    assert folder.add(Move("vm", "/a", "/b"), caller(), 1.0).number == job.number + 1


async def _prepared(desk: Desk, *, name: str) -> Move:
    """Return a move of the real source to a destination that is still to be started."""
    _only_real(desk)
    source = desk.pair.source
    await desk.pair.up()
    doors = LinuxHost()
    host = await asyncio.to_thread(take, doors)
    vm = host.vms[source.pid]
    found, reasons = prepare(doors, host, vm, source.monitor, {}, host, os.geteuid())
    assert reasons == ()
    assert found.monitor == source.monitor.replace(".qmp", ".in.qmp")
    return Move(
        source.name, source.monitor, found.monitor, source.pid, vm.uid, bandwidth=SLOW, hold=True,
        command=found.command if name == "good" else (*found.command, "-smp", "0"), folder=found.folder,
    )  # fmt: skip


async def test_a_destination_is_started_and_taken_over(desk: Desk) -> None:
    job = await desk.jobs.start(await _prepared(desk, name="good"), caller())
    await desk.until(job.number, lambda j: j.progress is not None)
    await desk.jobs.tell(job.number, Adjust(bandwidth=0, downtime=2.0))
    await desk.jobs.tell(job.number, Continue())
    job = await desk.end(job.number)
    try:
        assert job.verdict is not None
        assert job.verdict.moved
        assert job.prepared
        assert Path(f"/proc/{job.prepared}/cmdline").read_bytes().endswith(b"-incoming\0defer\0")
    finally:
        os.kill(job.prepared, signal.SIGKILL)


async def test_a_destination_that_was_started_is_ended_again_when_the_vm_stays(desk: Desk) -> None:
    job = await desk.jobs.start(await _prepared(desk, name="good"), caller())
    job = await desk.until(job.number, lambda j: j.progress is not None)
    await desk.jobs.tell(job.number, Cancel())
    job = await desk.end(job.number)
    assert job.verdict is not None
    assert job.verdict.where is Where.SOURCE
    assert not Path(f"/proc/{job.prepared}").exists()


async def test_a_destination_that_does_not_come_up_says_where_its_words_are(desk: Desk) -> None:
    job = await desk.jobs.start(await _prepared(desk, name="bad"), caller())
    job = await desk.end(job.number)
    assert job.failure is not None
    last = (desk.jobs.folder.path(job.number) / "destination.log").read_text().splitlines()[-1]
    assert f"the destination ended at once: {last}" in job.failure.text
    await desk.entry(RunState.ABORTED)


async def test_what_a_dead_job_had_started_is_ended(desk: Desk) -> None:
    _only_real(desk)
    source, destination = desk.pair.source, desk.pair.destination
    await desk.pair.up()
    words = Path(f"/proc/{destination.pid}/cmdline").read_text().split("\0")[:-1]
    move = Move(source.name, source.monitor, destination.monitor, source.pid, command=tuple(words))
    job = desk.jobs.folder.add(move, caller(), 1.0)
    desk.jobs.folder.write(replace(job, pid=1, started=-1, prepared=destination.pid))
    job, state = desk.jobs.get(job.number)
    assert state is JobState.DIED
    job = await desk.jobs.settle(job)
    assert job.verdict is not None
    assert job.verdict.where is Where.SOURCE
    assert (
        not Path(f"/proc/{destination.pid}/cmdline").exists()
        or not Path(f"/proc/{destination.pid}/cmdline").read_bytes()
    )


async def test_one_that_waits_for_its_turn_can_be_cancelled_and_leaves_no_trace(desk: Desk) -> None:
    first = await desk.going()
    second = await desk.jobs.start(replace(first.move, limits=Limits(per_link=1)), caller())
    found = await desk.until(second.number, lambda job: job.doing)
    assert found.doing == "waiting: 1 of the 1 VMs that may move at once " + (
        "to there are before it" if desk.pair.kind == "simulated" else "within this host are before it"
    )
    await desk.jobs.tell(second.number, Cancel())
    ended = await desk.end(second.number)
    assert ended.failure is not None
    assert ended.failure.text == "it was cancelled while it waited for its turn"
    assert (ended.operation, ended.progress) == (0, None)
    await desk.jobs.tell(first.number, Cancel())
    assert (await desk.end(first.number)).verdict is not None
    assert len(desk.journal.entries()) == 1
