"""Starting jobs, finding them again, and telling them: as processes on this machine, as tasks on a simulated host."""

from __future__ import annotations

import asyncio
import contextlib
import os
import shutil
import subprocess
import sys
import tempfile
import time
from abc import ABC, abstractmethod
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path

from backend.host.doors import HostDoors
from backend.host.programs import own_scope
from backend.migration.jobs.folder import JobFolder, NoJob
from backend.migration.jobs.keeper import Keeper, Process, write_end
from backend.migration.jobs.orders import NobodyListens, Order, give
from backend.migration.jobs.turns import Turn
from backend.migration.libvirt_engine import DomainParty
from backend.migration.sides import Party
from backend.migration.strategies import Reach
from backend.migration.unplugging import add_words
from backend.migration.verdict import decide
from backend.model.job import Failure, Job, JobState, Move
from backend.model.migration import Where
from backend.model.operation import Who
from backend.ops.journal import Journal
from backend.ops.waiting import started

_LOOK_AGAIN = 0.05
_JOURNAL_BUSY = 10.0
"""Seconds for which a dead job's end waits for a journal that is somebody else's."""
_PROGRAM = str(Path(__file__).with_name("__main__.py"))
_BOOT_ID = "/proc/sys/kernel/random/boot_id"


class NotStarted(Exception):
    """The job's process did not come up. The message is one sentence."""


def this_process(doors: HostDoors, pid: int) -> Process:
    """Return who a job's process is, for its record."""
    return Process(pid, started(doors, pid), _boot_id(doors))


def _boot_id(doors: HostDoors) -> str:
    try:
        return doors.files.read(_BOOT_ID, 64).decode("ascii", "replace").strip()
    except OSError:
        return ""


def reach_of(move: Move, here: HostDoors, there: HostDoors) -> Reach:
    """Return both sides of a move."""
    if move.libvirt:
        return Reach(
            DomainParty(here, move.vm, move.uuid, move.libvirt),
            DomainParty(there, move.vm, move.uuid, move.destination, waits=True),
        )
    return Reach(
        Party(here, move.vm, move.monitor, move.pid, move.uid), Party(there, move.vm, move.destination, uid=move.uid)
    )


class Jobs(ABC):
    """The jobs of one host."""

    def __init__(self, folder: JobFolder, journal: Journal) -> None:
        self.folder = folder
        self._journal = journal

    def listed(self) -> Iterator[tuple[Job, JobState] | NoJob]:
        """Yield every job with how it stands, the oldest first, and what is wrong with those that cannot be read."""
        for job in self.folder.jobs():
            yield job if isinstance(job, NoJob) else (job, self.state(job))

    def get(self, number: int) -> tuple[Job, JobState]:
        """Return a job and how it stands. Raises ``NoJob``."""
        job = self.folder.read(number)
        return job, self.state(job)

    @abstractmethod
    def state(self, job: Job) -> JobState:
        """Return how a job stands, by its record and its process."""

    @abstractmethod
    async def start(self, move: Move, who: Who) -> Job:
        """Begin a migration; return its job. Raises ``NotStarted``, ``OSError``."""

    @abstractmethod
    async def take_up(self, job: Job) -> Job:
        """Follow a migration again whose process died. Raises ``NotStarted``, ``OSError``."""

    @abstractmethod
    def host(self, name: str) -> HostDoors:
        """Return the doors of the host of that name, the same ones each time; "" = this one."""

    @abstractmethod
    def reach(self, move: Move) -> Reach:
        """Return both sides of a move."""

    @abstractmethod
    async def finished(self) -> None:
        """Wait for what jobs of this process still do after their end, such as writing the journal."""

    @abstractmethod
    def close(self) -> None:
        """Let go of what this program opened for it; jobs of their own process go on."""

    async def tell(self, number: int, order: Order) -> Job:
        """Tell a job; return it as it was before. Raises ``NoJob``, ``NobodyListens``."""
        job, state = self.get(number)
        if state is JobState.ENDED:
            raise NobodyListens(f"job {number} has ended")
        await give(self.folder.path(number), order)
        return job

    async def settle(self, job: Job) -> Job:
        """Return a job whose process died with its verdict, by asking both sides; as it was while QEMU is still at it.

        The VM is where it is: nothing is changed but the record and the journal.
        """
        reach = self.reach(job.move)
        try:
            if await reach.source.moving():
                return job
            source, destination = await asyncio.gather(reach.source.stand(), reach.destination.stand())
        finally:
            await reach.close()
        verdict = decide(source, destination, resume=reach.source.resume)
        missing = [f"{device} is out: {add_words(plug)}" for device, plug in job.out.items()]
        verdict = replace(
            verdict, text=f"the job's process died; {verdict.text}", total=time.time() - job.began,
            remedy="; ".join(filter(None, [verdict.remedy, *missing])),
        )  # fmt: skip
        if verdict.where is Where.SOURCE:
            await self._end_prepared(job)
        job = replace(job, verdict=verdict, ended=time.time(), doing="")
        await write_end(self._journal, job, patience=_JOURNAL_BUSY)
        self.folder.write(job, sync=True)
        return job

    async def _end_prepared(self, job: Job) -> None:
        """End the destination that a dead job had started, if that is still what the process is."""
        doors = self.host(job.move.host)
        try:
            words = doors.files.read(f"/proc/{job.prepared}/cmdline", 1 << 20).decode("utf-8", "surrogateescape")
        except OSError:
            return
        if doors.programs is not None and job.prepared and tuple(words.split("\0")[:-1]) == job.move.command:
            await asyncio.to_thread(doors.programs.end, job.prepared)


class ProcessJobs(Jobs):
    """Jobs of this machine, each a process of its own.

    Args:
        doors: this machine.
        patience: seconds that a job's process has to come up.
    """

    def __init__(self, folder: JobFolder, journal: Journal, doors: HostDoors, *, patience: float = 30.0) -> None:
        super().__init__(folder, journal)
        self._doors = doors
        self._patience = patience

    def state(self, job: Job) -> JobState:
        """Return how a job stands."""
        if job.over:
            return JobState.ENDED
        if not job.pid:
            return JobState.STARTING if time.time() - job.began < self._patience else JobState.DIED
        alive = started(self._doors, job.pid) == job.started and _boot_id(self._doors) == job.boot_id
        if not alive and self.folder.read(job.number).over:  # it ended while we looked
            return JobState.ENDED
        return JobState.RUNNING if alive else JobState.DIED

    def host(self, name: str) -> HostDoors:
        """Return this machine: there is no other yet."""
        return self._doors

    def reach(self, move: Move) -> Reach:
        """Return both sides."""
        return reach_of(move, self._doors, self._doors)

    async def start(self, move: Move, who: Who) -> Job:
        """Start a process for it."""
        return await self._up(self.folder.add(move, who, time.time()))

    async def take_up(self, job: Job) -> Job:
        """Start another process for it."""
        return await self._up(job)

    async def finished(self) -> None:
        """They live in processes of their own."""

    def close(self) -> None:
        """Nothing is held between two calls."""

    async def _up(self, job: Job) -> Job:
        path = self.folder.path(job.number)
        words = [*own_scope(f"iovtop job {job.number}"), sys.executable, "-I", _PROGRAM, str(path)]
        problem = await asyncio.to_thread(_spawn, words, str(path / "log"), self._patience)
        until = time.monotonic() + self._patience
        while True:
            late = time.monotonic() > until
            found, state = self.get(job.number)
            if found.pid != job.pid and state is not JobState.STARTING:
                return found
            if problem or late:
                break
            await asyncio.sleep(_LOOK_AGAIN)
        problem = problem or _silent(str(path / "log"))
        if not job.pid:
            self.folder.write(replace(job, failure=Failure(problem), ended=time.time()))
        raise NotStarted(problem)


def _silent(log: str) -> str:
    return f"the job's process does not come up; see {log}"


def _spawn(words: list[str], log: str, patience: float) -> str:
    """Start a program that goes into the background by itself; return what went wrong."""
    with open(log, "ab") as errors:
        os.fchmod(errors.fileno(), 0o600)
        try:
            done = subprocess.run(
                words, stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=errors, start_new_session=True,
                cwd="/", timeout=patience, check=False,
            )  # fmt: skip
        except subprocess.TimeoutExpired:  # it is killed
            return _silent(log)
        except OSError as error:
            return f"the job's process cannot be started: {error.strerror or error}"
    return "" if done.returncode == 0 else f"the job's process ended with code {done.returncode}; see {log}"


class TaskJobs(Jobs):
    """Jobs of a simulated host: it lives in this process, and so do they.

    Args:
        doors: the host.
        elsewhere: opens the simulated host of a name.
    """

    def __init__(self, journal: Journal, doors: HostDoors, elsewhere: Callable[[str], HostDoors]) -> None:
        self._place = tempfile.mkdtemp(prefix="iovtop-jobs-")
        super().__init__(JobFolder(Path(self._place)), journal)
        self._doors = doors
        self._elsewhere = elsewhere
        self._others: dict[str, HostDoors] = {}
        self._tasks: set[asyncio.Task[Job]] = set()

    def state(self, job: Job) -> JobState:
        """Return how a job stands."""
        return JobState.ENDED if job.over else JobState.RUNNING

    def host(self, name: str) -> HostDoors:
        """Return another simulated host, the same one each time; "" = this one."""
        if not name:
            return self._doors
        if name not in self._others:
            self._others[name] = self._elsewhere(name)
        return self._others[name]

    def reach(self, move: Move) -> Reach:
        """Return both sides."""
        return reach_of(move, self._doors, self.host(move.host))

    async def start(self, move: Move, who: Who) -> Job:
        """Start a task for it."""
        return await self._up(self.folder.add(move, who, time.time()), begun=False)

    async def take_up(self, job: Job) -> Job:
        """Start another task for it."""
        return await self._up(job, begun=True)

    async def _up(self, job: Job, *, begun: bool) -> Job:
        turn = Turn(self.folder, job, self.state)
        reach, process = self.reach(job.move), Process(os.getpid(), 0, "")
        keeper = Keeper(self.folder, job, reach, self._journal, process, turn, begun=begun)
        task = asyncio.create_task(keeper.run())
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)
        await asyncio.sleep(0)
        return self.folder.read(job.number)

    async def finished(self) -> None:
        """Wait for those that have ended."""
        await asyncio.gather(*self._tasks)

    def close(self) -> None:
        """End with the simulated host."""
        for other in self._others.values():
            with contextlib.suppress(Exception):
                other.close()
        shutil.rmtree(self._place, ignore_errors=True)
