"""What goes on in the simulated kernel while nobody calls it: operations that sleep or wait.

An operation is a generator that yields a ``Wait``. It advances when somebody enters the kernel (every
call through a door does) or when the clock is advanced, always in the order of due times, so the same
sequence of calls gives the same history. No threads, no tasks: an operation that was left behind needs
no event loop to go on.
"""

from __future__ import annotations

from collections.abc import Callable, Generator
from dataclasses import dataclass

from backend.host.doors import Clock


@dataclass(frozen=True, slots=True)
class Wait:
    """What an operation waits for: some time, or a condition."""

    seconds: float = 0.0
    until: Callable[[], bool] | None = None
    wchan: str = "msleep"
    """The kernel function it sleeps in."""


Operation = Generator[Wait, None, None]


class Job:
    """A running operation."""

    __slots__ = ("done", "error", "operation", "pid", "started", "until", "wake", "wchan")

    def __init__(self, operation: Operation, pid: int, now: float) -> None:
        self.operation = operation
        self.pid = pid
        self.started = now
        self.wake: float | None = None
        self.until: Callable[[], bool] | None = None
        self.wchan = ""
        self.done = False
        self.error: OSError | None = None


class Scheduler:
    """Runs operations as the clock and the state of the kernel allow."""

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._jobs: list[Job] = []
        self._running = False
        self._next = float("inf")
        self._pid = 90_000
        self.now = clock.monotonic()
        """The time of what happens at this moment; may lag behind the clock while catching up."""
        self.on_progress: list[Callable[[], None]] = []
        """Called after operations made progress (somebody may be waiting for one)."""

    @property
    def jobs(self) -> tuple[Job, ...]:
        """What still goes on, oldest first."""
        return tuple(self._jobs)

    def start(self, operation: Operation) -> Job:
        """Begin an operation and run it as far as it goes at once.

        From within another operation it only gets its place: its first turn comes right after that one's.
        """
        self.pump()
        self._pid += 1
        job = Job(operation, self._pid, self.now)
        self._jobs.append(job)
        if self._running:
            job.until = lambda: True
            return job
        self._advance(job)
        self._settle()
        self._refresh()
        return job

    def due(self) -> float | None:
        """Return when the next sleeping operation wakes, or None."""
        return None if self._next == float("inf") else self._next

    def pump(self) -> None:
        """Let everything happen that is due by now. Cheap when nothing is."""
        now = self._clock.monotonic()
        if self._running:
            return
        if now >= self._next:
            while (job := self._first_due(now)) is not None:
                assert job.wake is not None
                self.now = max(self.now, job.wake)
                job.wake = None
                self._advance(job)
                self._settle()
                self._refresh()
            for call in list(self.on_progress):
                call()
        self.now = max(self.now, now)

    def changed(self) -> None:
        """Say that the state changed: operations that wait for a condition look again."""
        if self._running or not self._jobs:
            return
        if self._settle():
            self._refresh()
            for call in list(self.on_progress):
                call()

    def _first_due(self, now: float) -> Job | None:
        best: Job | None = None
        for job in self._jobs:
            if job.wake is not None and job.wake <= now and (best is None or job.wake < (best.wake or 0.0)):
                best = job
        return best

    def _settle(self) -> bool:
        moved = False
        again = True
        while again:
            again = False
            for job in list(self._jobs):
                if job.until is not None and not job.done and job.until():
                    job.until = None
                    self._advance(job)
                    moved = again = True
        return moved

    def _advance(self, job: Job) -> None:
        self._running = True
        try:
            while True:
                wait = next(job.operation)
                if wait.until is not None:
                    if wait.until():
                        continue
                    job.until = wait.until
                else:
                    if wait.seconds <= 0:
                        continue
                    job.wake = self.now + wait.seconds
                job.wchan = wait.wchan
                return
        except StopIteration:
            job.done = True
        except OSError as error:
            job.done = True
            job.error = error
        finally:
            self._running = False
        self._jobs.remove(job)

    def _refresh(self) -> None:
        self._next = min((job.wake for job in self._jobs if job.wake is not None), default=float("inf"))


class Mutex:
    """A kernel lock: one operation at a time, in the order they came."""

    __slots__ = ("_queue", "held")

    def __init__(self) -> None:
        self.held = False
        self._queue: list[object] = []

    def acquire(self, wchan: str) -> Operation:
        """Wait for the lock and take it."""
        ticket = object()
        self._queue.append(ticket)
        yield Wait(until=lambda: not self.held and self._queue[0] is ticket, wchan=wchan)
        self._queue.remove(ticket)
        self.held = True

    def release(self) -> None:
        """Give the lock back."""
        self.held = False
