"""Following a job on the command line, until it is known where the VM runs."""

from __future__ import annotations

import asyncio
import contextlib
import signal
import sys
from collections.abc import Callable, Iterator, Sequence

from backend.cli.exits import CommandError, Exit
from backend.cli.output import write_json
from backend.cli.telling import remark
from backend.host.doors import HostDoors
from backend.migration.jobs.folder import NoJob
from backend.migration.jobs.orders import Cancel, Continue, NobodyListens, Order
from backend.migration.jobs.starting import Jobs, NotStarted, TaskJobs
from backend.model.job import Job, JobState
from backend.model.migration import Progress, Verdict
from backend.present.evacuating import Standing, evacuation_lines, evacuation_words, evacuations
from backend.present.migrating import job_words

_LINE_EVERY = 2.0
"""Seconds between two plain lines while nothing changes."""
_GLANCE = 0.1
"""Seconds between two looks at a job's record."""
_ALIVE_EVERY = 10
"""Glances between two looks at whether its process lives."""


class _Left(Exception):
    """The operator follows no longer; the job goes on."""


async def follow(jobs: Jobs, number: int, *, as_json: bool, ask: bool = False) -> Exit:
    """Show a job until it ends, and tell how. Ctrl-C asks to cancel it; the end of the terminal leaves it alone.

    Args:
        ask: whether Enter says when to switch over.

    Raises ``CommandError``.
    """
    show, finish = _display(jobs.host(""), as_json)
    hands = _Hands(jobs, [number])
    try:
        with hands.listening(ask=ask):
            if ask:
                remark("Enter switches over; until then what the guest changes goes on being sent")
            job = await _until_over(jobs, number, show, hands)
    except _Left:
        remark(f"job {number} goes on; `iovtop jobs watch {number}` follows it again")
        return Exit.INTERRUPTED
    except (NoJob, NotStarted) as error:
        raise CommandError(str(error), Exit.FAILED) from error
    finally:
        finish()
    await jobs.finished()
    return tell_end(jobs, job, as_json=as_json)


async def follow_all(jobs: Jobs, numbers: Sequence[int], *, as_json: bool) -> Exit:
    """Show the jobs of an evacuation until the last ends, and tell how. Ctrl-C asks to cancel all of them."""
    here = jobs.host("")
    show, finish = _display_all(here, as_json)
    hands = _Hands(jobs, numbers)
    try:
        with hands.listening(ask=False):
            watched = [_Watched(jobs, number) for number in numbers]
            while True:
                found = [await one.look() for one in watched]
                show(found)
                if all(job.over for job, _ in found):
                    break
                if hands.left:
                    remark("the migrations go on; `iovtop jobs` lists them")
                    return Exit.INTERRUPTED
                await asyncio.sleep(_GLANCE)
    except (NoJob, NotStarted) as error:
        raise CommandError(str(error), Exit.FAILED) from error
    finally:
        finish()
    await jobs.finished()
    for job, state in found:
        if as_json:
            record = {"job": job.number, "vm": job.move.vm, "verdict": job.verdict, "failure": job.failure}
            write_json(record, here)
        else:
            sys.stdout.write(f"{job_words(job, state)}\n")
    return Exit.OK if all(job.verdict is not None and job.verdict.moved for job, _ in found) else Exit.FAILED


class _Watched:
    """A job whose record is read again only when it changed, and whose process is looked for now and then."""

    def __init__(self, jobs: Jobs, number: int) -> None:
        self._jobs = jobs
        self._number = number
        self._stamp = (0, 0)
        self._count = 0
        self._known: Standing | None = None

    async def look(self) -> Standing:
        """Return how the job stands; one whose process died is settled, or followed again."""
        known, count = self._known, self._count
        if known is not None and known[0].over:
            return known
        self._count += 1
        stamp = self._jobs.folder.stamp(self._number)
        if known is None or stamp != self._stamp or count % _ALIVE_EVERY == 0:
            self._stamp = stamp
            known = self._known = await self._stand()
        return known

    async def _stand(self) -> Standing:
        job, state = self._jobs.get(self._number)
        if state is not JobState.DIED:
            return job, state
        job = await self._jobs.settle(job)
        if not job.over:
            remark(f"the process of job {job.number} died, and QEMU goes on: following it again")
            job = await self._jobs.take_up(job)
        return job, self._jobs.state(job)


def tell_end(jobs: Jobs, job: Job, *, as_json: bool) -> Exit:
    """Print how a job ended. Raises ``CommandError`` for one that never began."""
    if job.failure is not None:
        code = Exit.NO_DEVICE if job.failure.absent else Exit.REFUSED
        raise CommandError(f"nothing was started: {job.failure.text}", code)
    assert job.verdict is not None
    _tell(jobs, job.verdict, as_json=as_json)
    return Exit.OK if job.verdict.moved else Exit.FAILED


async def _until_over(jobs: Jobs, number: int, show: Callable[[Progress], None], hands: _Hands) -> Job:
    watched = _Watched(jobs, number)
    shown: Job | None = None
    while True:
        if hands.left:
            raise _Left
        job, _ = await watched.look()
        if job.progress is not None and job is not shown:
            shown = job
            show(job.progress)
        if job.over:
            return job
        await asyncio.sleep(_GLANCE)


class _Hands:
    """What the operator wants: Ctrl-C, Enter, the end of the terminal."""

    def __init__(self, jobs: Jobs, numbers: Sequence[int]) -> None:
        self._jobs = jobs
        self._numbers = numbers
        self._asked = False
        self._tasks: set[asyncio.Task[None]] = set()
        self.left = False

    @contextlib.contextmanager
    def listening(self, *, ask: bool) -> Iterator[None]:
        """Hear the operator while the block runs."""
        loop = asyncio.get_running_loop()
        ends = isinstance(self._jobs, TaskJobs)  # it would end with us
        handlers = {signal.SIGINT: self._cancel}
        handlers |= dict.fromkeys((signal.SIGTERM, signal.SIGHUP), self._cancel if ends else self._leave)
        for signal_number, handler in handlers.items():
            loop.add_signal_handler(signal_number, handler)
        if ask:
            loop.add_reader(sys.stdin.fileno(), self._enter)
        try:
            yield
        finally:
            for signal_number in handlers:
                loop.remove_signal_handler(signal_number)
            if ask:
                loop.remove_reader(sys.stdin.fileno())

    def _cancel(self) -> None:
        remark(f"{'already asked to cancel' if self._asked else 'cancelling'}; waiting to hear where the VM runs")
        self._asked = True
        self._tell(Cancel())

    def _leave(self) -> None:
        self.left = True

    def _enter(self) -> None:
        if sys.stdin.readline():
            self._tell(Continue())

    def _tell(self, order: Order) -> None:
        async def tell(number: int) -> None:
            try:
                await self._jobs.tell(number, order)
            except (NoJob, NobodyListens) as error:
                remark(str(error))

        for number in self._numbers:
            if not self._jobs.get(number)[0].over:
                task = asyncio.ensure_future(tell(number))
                self._tasks.add(task)
                task.add_done_callback(self._tasks.discard)


def _display(here: HostDoors, as_json: bool) -> tuple[Callable[[Progress], None], Callable[[], None]]:
    """Return what shows each progress, and what ends the showing."""
    if as_json:
        shown: list[Progress] = []

        def write(progress: Progress) -> None:
            if not shown or shown[0] != progress:
                shown[:] = [progress]
                write_json({"progress": progress}, here)

        return write, lambda: None
    from backend.present.migrating import progress_line, progress_panel

    if not (sys.stdout.isatty() and sys.stderr.isatty()):
        last: list[Progress] = []

        def line(progress: Progress) -> None:
            changed = not last or (last[0].phase, last[0].passes // 50) != (progress.phase, progress.passes // 50)
            if changed or last[0].stall != progress.stall or progress.at - last[0].at >= _LINE_EVERY:
                last[:] = [progress]
                sys.stdout.write(progress_line(progress) + "\n")
                sys.stdout.flush()

        return line, lambda: None
    from rich.live import Live
    from rich.text import Text

    ascii_only = "utf" not in (sys.stdout.encoding or "").lower()
    live = Live(auto_refresh=False, transient=False)
    live.start()

    def panel(progress: Progress) -> None:
        text = "\n".join(progress_panel(progress, ascii_only))
        live.update(Text(text, no_wrap=True, overflow="ellipsis"), refresh=True)

    return panel, live.stop


def _display_all(here: HostDoors, as_json: bool) -> tuple[Callable[[Sequence[Standing]], None], Callable[[], None]]:
    """Return what shows how the jobs of an evacuation stand, and what ends the showing."""
    last: list[object] = []
    if as_json:

        def write(jobs: Sequence[Standing]) -> None:
            (found, _), *_ = evacuations(jobs)
            if last != [found]:
                last[:] = [found]
                write_json({"evacuation": found}, here)

        return write, lambda: None
    if not (sys.stdout.isatty() and sys.stderr.isatty()):

        def line(jobs: Sequence[Standing]) -> None:
            (found, _), *_ = evacuations(jobs)
            words = f"{found.part * 100:3.0f} %  {evacuation_words(found)}"
            if last != [evacuation_words(found)]:
                last[:] = [evacuation_words(found)]
                sys.stdout.write(f"{words}\n")
                sys.stdout.flush()

        return line, lambda: None
    from rich.live import Live
    from rich.text import Text

    ascii_only = "utf" not in (sys.stdout.encoding or "").lower()
    live = Live(auto_refresh=False, transient=False)
    live.start()

    def panel(jobs: Sequence[Standing]) -> None:
        (found, sorted_jobs), *_ = evacuations(jobs)
        text = "\n".join(evacuation_lines(found, sorted_jobs, ascii_only=ascii_only))
        live.update(Text(text, no_wrap=True, overflow="ellipsis"), refresh=True)

    return panel, live.stop


def _tell(jobs: Jobs, verdict: Verdict, *, as_json: bool) -> None:
    if as_json:
        write_json({"verdict": verdict}, jobs.host(""))
        return
    from backend.present.migrating import verdict_lines

    sys.stdout.write("\n".join(verdict_lines(verdict)) + "\n")
