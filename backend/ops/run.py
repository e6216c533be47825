"""Running an operation: step by step, each asked for, made, read back and written down."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator, Awaitable, Callable, Iterable
from dataclasses import dataclass, field, replace
from functools import partial
from typing import TypeVar

from backend.host.doors import StillWaiting
from backend.model.operation import Left, Who
from backend.model.plan import Condition, RunEvent, RunState
from backend.ops.actions import waits_at
from backend.ops.checks import Check, holders_of
from backend.ops.errors import JournalUnwritable
from backend.ops.explain import explain
from backend.ops.journal import Journal
from backend.ops.operation import Operation, Work
from backend.ops.waiting import left_behind, started
from backend.ops.world import World

T = TypeVar("T")

_GLANCE = 0.25
"""Seconds between two looks at how far a step is."""

_WAITING_GLANCE = 1.0
"""Seconds between two reports of a step that does not come back."""

_TOLD = 3
"""Steps whose result is told at the end."""

_CANCELLED = "cancelled: nothing more was done"


@dataclass(slots=True)
class Control:
    """What an operator may want of a running operation."""

    cancel: asyncio.Event = field(default_factory=asyncio.Event)
    """Make no further step. The one that is being made is always waited for."""
    leave: asyncio.Event = field(default_factory=asyncio.Event)
    """Stop waiting for the step that is being made; it goes on in the kernel."""


class _Leaving(Exception):
    """The operator waits no longer."""


class Runner:
    """One run of one operation.

    Args:
        undoes: the operation in the journal that this one takes back.
    """

    def __init__(
        self,
        operation: Operation,
        world: World,
        journal: Journal,
        who: Who,
        control: Control,
        undoes: int | None = None,
    ) -> None:
        self._operation = operation
        self._world = world
        self._journal = journal
        self._who = who
        self._control = control
        self._undoes = undoes
        self._number = 0
        self._end: RunEvent | None = None
        self._written = True
        """Whether everything so far could be written down."""
        self._reached: list[str] = []

    async def events(self) -> AsyncIterator[RunEvent]:
        """Run, and yield what happens; the last event tells the end.

        Raises ``JournalUnwritable`` before anything was changed; later, what cannot be written down ends the run.
        """
        plan = self._operation.plan
        self._number = self._journal.begin(plan, self._who, self._world.host.boot_id, self._undoes)
        for index, work in enumerate(self._operation.work):
            if self._end is None and self._control.cancel.is_set() and not work.always:
                self._stop(RunState.ABORTED, index, _CANCELLED)
            if self._end is not None and (not work.always or not self._written or self._end.state is RunState.STUCK):
                continue
            async for event in self._make(index, work):
                yield event
        end = self._end or RunEvent(RunState.DONE, text=_reached(self._reached) or plan.title)
        try:
            self._journal.end(self._number, end.state, end.text)
        except JournalUnwritable as error:
            end = replace(end, text=f"{end.text}; how it ended could not be written down: {error}")
        yield self._numbered(end)

    def _numbered(self, event: RunEvent) -> RunEvent:
        return replace(event, operation=self._number)

    async def _make(self, index: int, work: Work) -> AsyncIterator[RunEvent]:
        try:
            broken = await self._unless_left(self._ask(work.before, holders=True))
        except _Leaving:
            self._stop(RunState.ABORTED, index, _CANCELLED)
            return
        if broken:
            self._stop(RunState.ABORTED, index, f"changed since you looked: {_said(broken)}", _remedy(broken))
            return
        if not self._write_down(index, lambda: self._journal.intent(self._number, index)):
            return
        yield self._numbered(RunEvent(RunState.STARTED, index, work.step.text))
        acting = asyncio.ensure_future(work.action.act(self._world.doors))
        try:
            async for event in self._watch(index, work, acting):
                yield event
            await self._unless_left(acting)
        except StillWaiting as waiting:
            async for event in self._stay(index, work, waiting):
                yield event
            if self._end is not None:
                return
        except _Leaving:
            self._leave(index, work)
            return
        except OSError as error:
            device = self._world.find(self._operation.plan.devices[0]) if self._operation.plan.devices else None
            cause, remedy = explain(error, work.action.place, device.driver if device is not None else "")
            self._stop(RunState.FAILED, index, cause, remedy)
            return
        finally:
            acting.cancel()
        broken = await self._read_back(work)
        if broken:
            self._stop(RunState.FAILED, index, f"done, but {_said(broken)}", _remedy(broken))
            return
        found = "; ".join([check.ask(self._world).text for check in work.after] or filter(None, [work.told]))
        if not work.always:
            self._reached.append(found)
        self._write_down(index, lambda: self._journal.done(self._number, index, found))
        yield self._numbered(RunEvent(RunState.STEP_DONE, index, found))

    def _write_down(self, index: int, write: Callable[[], None]) -> bool:
        """Write to the journal; return False, and end the run, where that fails."""
        try:
            write()
        except JournalUnwritable as error:
            self._written = False
            self._stop(RunState.FAILED, index, f"{error}; nothing more was done", error.remedy)
            return False
        return True

    async def _unless_left(self, awaitable: Awaitable[T]) -> T:
        """Return what it gives. Raises ``_Leaving`` when the operator leaves first; it is cancelled then."""
        task = asyncio.ensure_future(awaitable)
        leaving = asyncio.ensure_future(self._control.leave.wait())
        try:
            await asyncio.wait((task, leaving), return_when=asyncio.FIRST_COMPLETED)
            if task.done():
                return await task
            raise _Leaving
        finally:
            leaving.cancel()
            task.cancel()
            await asyncio.gather(task, leaving, return_exceptions=True)

    async def _watch(self, index: int, work: Work, acting: asyncio.Future[None]) -> AsyncIterator[RunEvent]:
        """Tell how far a step is until it comes back, or the operator leaves."""
        clock = self._world.doors.clock
        last = (-1, -1)
        leaving = asyncio.ensure_future(self._control.leave.wait())
        try:
            while not acting.done() and not leaving.done():
                glance = asyncio.ensure_future(clock.sleep(_GLANCE))
                await asyncio.wait((acting, glance, leaving), return_when=asyncio.FIRST_COMPLETED)
                glance.cancel()
                if work.progress is not None and not acting.done():
                    now = work.progress(self._world)
                    if now != last:
                        yield self._numbered(RunEvent(RunState.PROGRESS, index, done=now[0], total=now[1]))
                    last = now
        finally:
            leaving.cancel()

    async def _stay(self, index: int, work: Work, waiting: StillWaiting) -> AsyncIterator[RunEvent]:
        """Stay with a step that is stuck in the kernel, until it comes back or the operator leaves."""
        self._note_waiting(index, waiting)
        whom = ""
        try:
            while (now := left_behind(self._world.doors, partial(waits_at, work.action))) is not None:
                whom = await self._unless_left(self._whom())
                yield self._numbered(
                    RunEvent(
                        RunState.WAITING, index, whom, "it comes back when they let go; nothing else can end it",
                        pid=now.pid, wchan=now.wchan, waited=now.waited,
                    )
                )  # fmt: skip
                await self._unless_left(self._world.doors.clock.sleep(_WAITING_GLANCE))
        except _Leaving:
            self._leave(index, work, whom)
            return
        yield self._numbered(RunEvent(RunState.PROGRESS, index, "it has come back from the kernel"))

    def _note_waiting(self, index: int, waiting: StillWaiting) -> None:
        left = Left(index, waiting.pid, started(self._world.doors, waiting.pid))
        with contextlib.suppress(JournalUnwritable):  # the end of the step, or of the run, will tell
            self._journal.waiting(self._number, left)

    def _leave(self, index: int, work: Work, whom: str = "") -> None:
        """End with a step that goes on in the kernel; or say that it came back at the last moment."""
        left = left_behind(self._world.doors, partial(waits_at, work.action))
        if left is None:
            self._stop(
                RunState.STUCK, index, f"step {index + 1} was left before it was read back",
                "`iovtop recover` says how the host stands",
            )  # fmt: skip
            return
        self._note_waiting(index, left)
        where = f"pid {left.pid}, {left.wchan or 'kernel function hidden'}"
        self._end = RunEvent(
            RunState.STUCK, index,
            f"step {index + 1} is in the kernel for {left.waited:.0f} s: {where}{f', {whom}' if whom else ''}",
            "it goes on by itself; then `iovtop recover` finishes or takes back the rest",
            pid=left.pid, wchan=left.wchan, waited=left.waited,
        )  # fmt: skip

    async def _whom(self) -> str:
        """Return who must let go."""
        devices = self._operation.plan.devices
        await self._world.refresh(devices)
        held = [
            f"{device.id} is held by {holders_of(device)}"
            for device in (self._world.find(name) for name in devices)
            if device is not None and holders_of(device)
        ]
        return f"waiting for whoever must let go: {'; '.join(held)}" if held else "what it waits for cannot be seen"

    async def _ask(self, checks: Iterable[Check], *, holders: bool) -> list[Condition]:
        """Return the checks that do not hold now."""
        checks = tuple(checks)
        if not checks:
            return []
        names = {name for check in checks for name in check.about}
        await (self._world.refresh(names) if holders else self._world.refresh_quickly(names))
        return [condition for check in checks if not (condition := check.ask(self._world)).holds]

    async def _read_back(self, work: Work) -> list[Condition]:
        """Return what is still not as it should be after the step, having given it time."""
        clock = self._world.doors.clock
        until = clock.monotonic() + work.settle
        while True:
            broken = await self._ask(work.after, holders=False)
            if not broken or clock.monotonic() >= until or self._control.leave.is_set():
                return broken
            await clock.sleep(_GLANCE)

    def _stop(self, state: RunState, step: int, text: str, remedy: str = "") -> None:
        if self._end is None:
            self._end = RunEvent(state, step, text, remedy)


def _reached(found: list[str]) -> str:
    """Return what the last steps reached, in one line; "" where no step reads anything back."""
    last = [text for text in found[-_TOLD:] if text]
    return "; ".join([*([f"{len(found)} steps"] if len(found) > _TOLD else []), *last])


def _said(broken: list[Condition]) -> str:
    return "; ".join(condition.objection for condition in broken)


def _remedy(broken: list[Condition]) -> str:
    return broken[0].remedy
