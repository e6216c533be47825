"""What a job does: it migrates, keeps its record up to date, takes orders, and writes the journal."""

from __future__ import annotations

import asyncio
import contextlib
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from backend.migration.engine import Controls, Options
from backend.migration.jobs.folder import JobFolder
from backend.migration.jobs.orders import Adjust, Cancel, Order, listen
from backend.migration.jobs.turns import Turn
from backend.migration.planning import plan_move
from backend.migration.sides import Party
from backend.migration.strategies import Reach, migration_of
from backend.migration.unplugging import Aside
from backend.model.job import Failure, Job, Sample
from backend.model.migration import Progress, Verdict, Where
from backend.model.plan import RunState
from backend.model.text import clean
from backend.ops.errors import Busy, OperationError
from backend.ops.journal import Journal
from backend.vmm.errors import MonitorAbsent, VmmError

_HISTORY = 240
"""Points of the history that are kept; when there are more, every second one goes."""
_JOURNAL_BUSY = 30.0
"""Seconds for which the journal may be somebody else's at the beginning; at the end we wait for as long as it takes."""
_SHORTLY = 3.0
_LOOK_AGAIN = 0.2
_TURN_AGAIN = 0.5
"""Seconds between two looks at whether it is its turn."""
_START = 30.0
"""Seconds that a destination has to come up."""


@dataclass(frozen=True, slots=True)
class Process:
    """The process that a job lives in."""

    pid: int
    started: int
    boot_id: str


class Keeper:
    """One job.

    Args:
        turn: when it may begin.
        begun: whether QEMU is at it already, since the job's process before this one died.
    """

    def __init__(
        self,
        folder: JobFolder,
        job: Job,
        reach: Reach,
        journal: Journal,
        process: Process,
        turn: Turn,
        *,
        begun: bool = False,
    ) -> None:
        self._folder = folder
        self._journal = journal
        self._begun = begun
        self._reach = reach
        self._turn = turn
        self._job = replace(
            job, pid=process.pid, started=process.started, boot_id=process.boot_id,
            released=job.released or not job.move.hold,
        )  # fmt: skip
        self._controls = Controls()
        if self._job.cancelling:
            self._controls.cancel.set()
        if job.move.hold and self._job.released:
            self._controls.go.set()

    async def run(self) -> Job:
        """Do it; return the job as it ended."""
        server = await listen(self._folder.path(self._job.number), self._obey)
        self._folder.write(self._job, sync=True)  # who reads its pid may give orders at once
        try:
            if await self._its_turn():
                await self._prepare()
                await self._migrate()
            else:
                await self._end(failure=Failure("it was cancelled while it waited for its turn"))
        except OperationError as error:
            await self._end(failure=Failure(error.told))
        except VmmError as error:
            await self._end(failure=Failure(str(error), isinstance(error, MonitorAbsent)))
        finally:
            server.close()
            await server.wait_closed()
            await self._reach.close()
        return self._job

    async def _its_turn(self) -> bool:
        """Wait until others that were asked for before leave room; return False when this one is cancelled first."""
        while not self._begun and (words := await asyncio.to_thread(self._turn.waits_for)):
            self._doing(f"waiting: {words}")
            with contextlib.suppress(TimeoutError):
                await asyncio.wait_for(self._controls.cancel.wait(), _TURN_AGAIN)
                return False
        return True

    async def _prepare(self) -> None:
        """Write down the beginning, and start the destination where it does not wait already."""
        if not self._job.operation:
            number = await journalled(self._journal, self._begin, patience=_JOURNAL_BUSY)
            self._keep(replace(self._job, operation=number), sync=True)
        move, programs = self._job.move, self._reach.destination.doors.programs
        if not move.command or self._job.prepared or self._begun:
            return
        if programs is None:
            raise MonitorAbsent(f"{move.vm}: nothing can be started there")
        self._doing("starting the destination")
        log = str(self._folder.path(self._job.number) / "destination.log")
        try:
            pid = await asyncio.to_thread(programs.start, move.command, log=log, folder=move.folder or "/")
        except OSError as error:
            raise MonitorAbsent(f"the destination cannot be started: {error.strerror or error}") from error
        self._keep(replace(self._job, prepared=pid), sync=True)
        await self._until_it_answers(pid, log)

    async def _until_it_answers(self, pid: int, log: str) -> None:
        party = self._reach.destination
        assert isinstance(party, Party)
        party.pid = pid
        until = time.monotonic() + _START
        while True:
            try:
                await party.open()
                return
            except VmmError as error:
                if party.ended():
                    raise MonitorAbsent(f"the destination ended at once: {_last_line(log)}; see {log}") from error
                if time.monotonic() > until:
                    raise
            await asyncio.sleep(_LOOK_AGAIN)

    async def _clean_up(self, where: Where | None) -> None:
        """End a destination that this job started, where the VM surely does not run in it."""
        programs = self._reach.destination.doors.programs
        if self._job.prepared and programs is not None and where in (None, Where.SOURCE):
            await self._reach.destination.close()
            await asyncio.to_thread(programs.end, self._job.prepared)

    async def _migrate(self) -> None:
        job = self._job
        move = job.move
        options = Options(move.bandwidth, move.downtime, move.hold, move.uri, move.wire)
        migration = migration_of(move, self._reach, options, self._controls, Aside(self._doing, self._out, job.out))
        async for progress in migration.run(begun=self._begun):
            self._take(progress)
        assert migration.verdict is not None
        await self._end(verdict=migration.verdict)

    def _begin(self) -> int:
        job = self._job
        number = self._journal.begin(plan_move(job.move), job.who, job.boot_id)
        self._journal.intent(number, 0)
        return number

    def _obey(self, order: Order) -> None:
        match order:
            case Cancel():
                self._controls.cancel.set()
                self._keep(replace(self._job, cancelling=True))
            case Adjust():
                self._controls.adjust(bandwidth=order.bandwidth, downtime=order.downtime)
                move = self._job.move
                move = replace(
                    move,
                    bandwidth=move.bandwidth if order.bandwidth is None else order.bandwidth,
                    downtime=move.downtime if order.downtime is None else order.downtime,
                )
                self._keep(replace(self._job, move=move))
            case _:
                self._controls.go.set()
                self._keep(replace(self._job, released=True))

    def _out(self, out: Mapping[str, Mapping[str, Any]]) -> None:
        self._keep(replace(self._job, out=dict(out)), sync=True)

    def _doing(self, text: str) -> None:
        self._keep(replace(self._job, doing=text))

    def _take(self, progress: Progress) -> None:
        sample = Sample(progress.at, progress.ram_left, progress.bandwidth or 0.0, progress.dirty_rate or 0.0)
        history = (*self._job.history, sample)
        if len(history) > _HISTORY:
            history = history[::2]
        self._keep(replace(self._job, progress=progress, history=history, doing=""))

    def _keep(self, job: Job, *, sync: bool = False) -> None:
        self._job = job
        self._folder.write(job, sync=sync)

    async def _end(self, *, verdict: Verdict | None = None, failure: Failure | None = None) -> None:
        """Write down how it ended: in the journal first, so that a record that says so has nothing left to be done."""
        await self._clean_up(verdict.where if verdict is not None else None)
        ended = replace(self._job, verdict=verdict, failure=failure, ended=time.time(), doing="")
        written = await write_end(self._journal, ended, patience=_SHORTLY)
        self._keep(ended, sync=True)
        if not written:
            await write_end(self._journal, ended)


def _last_line(log: str) -> str:
    try:
        lines = Path(log).read_text("utf-8", "replace").splitlines()
    except OSError:
        return ""
    return clean(lines[-1], 300) if lines else "it said nothing"


async def write_end(journal: Journal, job: Job, *, patience: float = float("inf")) -> bool:
    """Write down how a job ended; return False when the journal is somebody else's for so long.

    One that cannot be written leaves the entry open, and changes nothing about where the VM runs.
    """
    try:
        await journalled(journal, lambda: _end(journal, job), patience=patience)
    except Busy:
        return False
    except OperationError:
        return True
    return True


def _end(journal: Journal, job: Job) -> int:
    number, verdict = job.operation, job.verdict
    if not number:
        return 0
    if verdict is None:
        text = job.failure.text if job.failure is not None else ""
        journal.end(number, RunState.ABORTED, f"nothing was started: {text}")
        return 0
    state = RunState.DONE if verdict.moved else RunState.FAILED
    if not verdict.moved and job.cancelling and verdict.where is Where.SOURCE:
        state = RunState.ABORTED
    if verdict.moved:
        for step in range(len(plan_move(job.move).steps)):
            if step:
                journal.intent(number, step)
            journal.done(number, step, verdict.text)
    journal.end(number, state, verdict.text)
    return 0


async def journalled(journal: Journal, write: Callable[[], int], *, patience: float = float("inf")) -> int:
    """Write to the journal while nobody else does. Raises ``Busy`` after ``patience`` seconds."""
    until = time.monotonic() + patience
    while True:
        try:
            with journal.exclusive():
                return write()
        except Busy:
            if time.monotonic() > until:
                raise
        await asyncio.sleep(_LOOK_AGAIN)
