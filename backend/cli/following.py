"""Following a job on the command line, until it is known where the VM runs."""

from __future__ import annotations

import asyncio
import contextlib
import signal
import sys
from collections.abc import Callable, Iterator
from typing import Any

from backend.cli.exits import CommandError, Exit
from backend.cli.telling import remark
from backend.migration.jobs.folder import NoJob
from backend.migration.jobs.orders import Cancel, Continue, NobodyListens, Order
from backend.migration.jobs.starting import Jobs, NotStarted, TaskJobs
from backend.model.job import Job, JobState
from backend.model.migration import Progress, Verdict

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
    show, finish = _display(as_json)
    hands = _Hands(jobs, number)
    try:
        with hands.listening(ask=ask):
            job = await _until_over(jobs, number, show, hands)
    except _Left:
        remark(f"job {number} goes on; `iovtop jobs watch {number}` follows it again")
        return Exit.INTERRUPTED
    except (NoJob, NotStarted) as error:
        raise CommandError(str(error), Exit.FAILED) from error
    finally:
        finish()
    await jobs.finished()
    return tell_end(job, as_json=as_json)


def tell_end(job: Job, *, as_json: bool) -> Exit:
    """Print how a job ended. Raises ``CommandError`` for one that never began."""
    if job.failure is not None:
        code = Exit.NO_DEVICE if job.failure.absent else Exit.REFUSED
        raise CommandError(f"nothing was started: {job.failure.text}", code)
    assert job.verdict is not None
    _tell(job.verdict, as_json=as_json)
    return Exit.OK if job.verdict.moved else Exit.FAILED


async def _until_over(jobs: Jobs, number: int, show: Callable[[Progress], None], hands: _Hands) -> Job:
    stamp, count = (0, 0), 0
    while True:
        if hands.left:
            raise _Left
        now = jobs.folder.stamp(number)
        if now != stamp or count % _ALIVE_EVERY == 0:
            stamp = now
            job, state = jobs.get(number)
            if job.progress is not None:
                show(job.progress)
            if state is JobState.DIED:
                job = await jobs.settle(job)
                if not job.over:
                    remark(f"the process of job {number} died, and QEMU goes on: following it again")
                    job = await jobs.take_up(job)
            if job.over:
                return job
        count += 1
        await asyncio.sleep(_GLANCE)


class _Hands:
    """What the operator wants: Ctrl-C, Enter, the end of the terminal."""

    def __init__(self, jobs: Jobs, number: int) -> None:
        self._jobs = jobs
        self._number = number
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
        async def tell() -> None:
            try:
                await self._jobs.tell(self._number, order)
            except (NoJob, NobodyListens) as error:
                remark(str(error))

        task = asyncio.ensure_future(tell())
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)


def _display(as_json: bool) -> tuple[Callable[[Progress], None], Callable[[], None]]:
    """Return what shows each progress, and what ends the showing."""
    if as_json:
        shown: list[Progress] = []

        def write(progress: Progress) -> None:
            if not shown or shown[0] != progress:
                shown[:] = [progress]
                write_json({"progress": progress})

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


def _tell(verdict: Verdict, *, as_json: bool) -> None:
    if as_json:
        write_json({"verdict": verdict})
        return
    from backend.present.migrating import verdict_lines

    sys.stdout.write("\n".join(verdict_lines(verdict)) + "\n")


def write_json(record: dict[str, Any]) -> None:
    """Write a record as a line of JSON."""
    from backend.report.document import encode

    sys.stdout.write(encode(record).decode() + "\n")
    sys.stdout.flush()
