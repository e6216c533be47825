"""Running an operation: step by step, each asked for, made, read back and written down."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Iterable
from dataclasses import dataclass, field

from backend.host.doors import StillWaiting
from backend.model.operation import Who
from backend.model.plan import Condition, RunEvent, RunState
from backend.ops.checks import Check, holders_of
from backend.ops.explain import explain
from backend.ops.journal import Journal
from backend.ops.operation import Operation, Work
from backend.ops.world import World

_GLANCE = 0.25
"""Seconds between two looks at how far a step is."""

_WAITING_GLANCE = 1.0
"""Seconds between two reports of a step that does not come back."""


@dataclass(slots=True)
class Control:
    """What an operator may want of a running operation."""

    cancel: asyncio.Event = field(default_factory=asyncio.Event)
    """Make no further step. The one that is being made is always waited for."""
    leave: asyncio.Event = field(default_factory=asyncio.Event)
    """Stop waiting for a step that is stuck in the kernel; it goes on there."""


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

    async def events(self) -> AsyncIterator[RunEvent]:
        """Run, and yield what happens; the last event tells the end.

        Raises ``JournalUnwritable`` before anything was changed; later, what cannot be written down ends the run.
        """
        plan = self._operation.plan
        self._number = self._journal.begin(plan, self._who, self._world.host.boot_id, self._undoes)
        for index, work in enumerate(self._operation.work):
            stopped = self._end is not None
            if stopped and (not work.always or self._end.state is RunState.STUCK):  # type: ignore[union-attr]
                continue
            if not stopped and self._control.cancel.is_set():
                self._end = RunEvent(RunState.ABORTED, index, "cancelled: nothing more was done")
                continue
            async for event in self._make(index, work):
                yield event
        end = self._end or RunEvent(RunState.DONE, text=plan.title)
        self._journal.end(self._number, end.state, end.text)
        yield self._numbered(end)

    def _numbered(self, event: RunEvent) -> RunEvent:
        return RunEvent(
            event.state, event.step, event.text, event.remedy, event.done, event.total, event.pid, event.wchan,
            event.waited, self._number,
        )  # fmt: skip

    async def _make(self, index: int, work: Work) -> AsyncIterator[RunEvent]:
        broken = await self._ask(work.before, holders=True)
        if broken:
            self._stop(RunState.ABORTED, index, f"changed since you looked: {_said(broken)}", _remedy(broken))
            return
        self._journal.intent(self._number, index)
        yield self._numbered(RunEvent(RunState.STARTED, index, work.step.text))
        acting = asyncio.ensure_future(work.action.act(self._world.doors))
        try:
            async for event in self._watch(index, work, acting):
                yield event
            await acting
        except StillWaiting as waiting:
            came_back = False
            async for event in self._stay(index, work, waiting):
                came_back = event.state is RunState.PROGRESS
                yield event
            if not came_back:
                return
        except OSError as error:
            cause, remedy = explain(error, work.action.place)
            self._stop(RunState.FAILED, index, cause, remedy)
            return
        finally:
            acting.cancel()
        broken = await self._read_back(work)
        if broken:
            self._stop(RunState.FAILED, index, f"done, but {_said(broken)}", _remedy(broken))
            return
        found = "; ".join(check.ask(self._world).text for check in work.after)
        self._journal.done(self._number, index, found)
        yield self._numbered(RunEvent(RunState.STEP_DONE, index, found))

    async def _watch(self, index: int, work: Work, acting: asyncio.Future[None]) -> AsyncIterator[RunEvent]:
        """Tell how far a step is until it comes back."""
        clock = self._world.doors.clock
        last = (-1, -1)
        while not acting.done():
            glance = asyncio.ensure_future(clock.sleep(_GLANCE))
            await asyncio.wait((acting, glance), return_when=asyncio.FIRST_COMPLETED)
            glance.cancel()
            if work.progress is not None and not acting.done():
                now = work.progress(self._world)
                if now != last:
                    yield self._numbered(RunEvent(RunState.PROGRESS, index, done=now[0], total=now[1]))
                last = now

    async def _stay(self, index: int, work: Work, waiting: StillWaiting) -> AsyncIterator[RunEvent]:
        """Stay with a step that is stuck in the kernel, until it comes back or the operator leaves."""
        world, control = self._world, self._control
        clock = world.doors.clock
        began = clock.monotonic() - waiting.waited
        while work.action.place in world.doors.guarded.waiting():
            text = await self._whom()
            stuck = RunEvent(
                RunState.WAITING, index, text, "it comes back when they let go; nothing else can end it",
                pid=waiting.pid, wchan=waiting.wchan, waited=clock.monotonic() - began,
            )  # fmt: skip
            yield self._numbered(stuck)
            if control.leave.is_set():
                self._end = RunEvent(
                    RunState.STUCK, index,
                    f"step {index + 1} is stuck in the kernel for {clock.monotonic() - began:.0f} s: "
                    f"pid {waiting.pid}, {waiting.wchan or 'kernel function hidden'}, {text}",
                    "it goes on when they let go; then `iovtop recover` finishes or takes back the rest",
                )  # fmt: skip
                return
            await clock.sleep(_WAITING_GLANCE)
        yield self._numbered(RunEvent(RunState.PROGRESS, index, "it has come back from the kernel"))

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
            if not broken or clock.monotonic() >= until:
                return broken
            await clock.sleep(_GLANCE)

    def _stop(self, state: RunState, step: int, text: str, remedy: str) -> None:
        if self._end is None:
            self._end = RunEvent(state, step, text, remedy)


def _said(broken: list[Condition]) -> str:
    return "; ".join(
        f"{condition.text} no longer: {condition.found}" if condition.found else condition.text for condition in broken
    )


def _remedy(broken: list[Condition]) -> str:
    return broken[0].remedy
