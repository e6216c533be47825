"""Plans and runs for whoever asks: the one way in to everything below."""

from __future__ import annotations

from collections.abc import AsyncIterator, Sequence
from dataclasses import replace
from typing import Protocol

from backend.host.doors import HostDoors
from backend.model.operation import Entry, Who
from backend.model.plan import Asked, Condition, Plan, RunEvent, RunState
from backend.ops.codec import request_of
from backend.ops.errors import Changed, OperationError, Refused
from backend.ops.journal import Journal
from backend.ops.operation import Operation, merged
from backend.ops.run import Control, Runner
from backend.ops.verbs import PLANNERS
from backend.ops.world import World


class Operator(Protocol):
    """What faces ask for changes. Every method raises ``OperationError`` with a sentence and a remedy."""

    async def plan(self, requests: Sequence[Asked]) -> Plan:
        """Return the way to what is asked for, as the host is now. Changes nothing."""
        ...

    def run(
        self, requests: Sequence[Asked], seen: Sequence[str], typed: str = "", undoes: int | None = None
    ) -> AsyncIterator[RunEvent]:
        """Do it, if the plan is still the one that was looked at.

        Args:
            seen: the fingerprint of the plan that was confirmed.
            typed: what the operator typed, where the plan wants that.
        """
        ...

    def cancel(self) -> None:
        """Make no further step of the running operation."""
        ...

    def leave(self) -> None:
        """Wait no longer for a step that is stuck in the kernel."""
        ...

    async def log(self) -> Sequence[Entry]:
        """Return the journal, the oldest first."""
        ...

    async def close(self) -> None:
        """Let go; never waits for the kernel."""
        ...


class LocalOperator:
    """An operator in this process."""

    def __init__(self, doors: HostDoors, journal: Journal, who: Who) -> None:
        self._doors = doors
        self._journal = journal
        self._who = who
        self._control = Control()

    async def plan(self, requests: Sequence[Asked]) -> Plan:
        """Return the plan."""
        world = World(self._doors)
        try:
            return (await self._prepare(requests, world)).plan
        finally:
            world.close()

    async def _prepare(self, requests: Sequence[Asked], world: World) -> Operation:
        await world.look()
        parsed = [request_of(request) for request in requests]
        operation = merged([await PLANNERS[request.verb](request, world) for request in parsed])
        taken = self._taken(operation.plan)
        if taken and operation.plan.steps:
            plan = replace(operation.plan, conditions=(*operation.plan.conditions, *taken))
            return Operation(plan, operation.work)
        return operation

    def _taken(self, plan: Plan) -> list[Condition]:
        """Return a condition for each operation that has not ended and touches the same devices."""
        return [
            Condition(
                f"nothing else is being done to {', '.join(shared)}",
                False,
                f"operation {entry.operation} ({entry.plan.title}) has not ended",
                "`iovtop recover` says how it stands, and finishes it or takes it back",
            )
            for entry in self._journal.entries()
            if entry.ended in (None, RunState.STUCK) and (shared := sorted({*entry.plan.devices} & {*plan.devices}))
        ]

    async def run(
        self, requests: Sequence[Asked], seen: Sequence[str], typed: str = "", undoes: int | None = None
    ) -> AsyncIterator[RunEvent]:
        """Run it."""
        self._control = Control()
        with self._journal.exclusive():
            world = World(self._doors)
            try:
                operation = await self._prepare(requests, world)
                _admit(operation.plan, tuple(seen), typed)
                runner = Runner(operation, world, self._journal, self._who, self._control, undoes)
                async for event in runner.events():
                    yield event
            finally:
                world.close()

    def cancel(self) -> None:
        """Make no further step."""
        self._control.cancel.set()

    def leave(self) -> None:
        """Wait no longer for what is stuck."""
        self._control.cancel.set()
        self._control.leave.set()

    async def log(self) -> Sequence[Entry]:
        """Return the journal."""
        return self._journal.entries()

    async def close(self) -> None:
        """Nothing is held between two calls."""


def _admit(plan: Plan, seen: tuple[str, ...], typed: str) -> None:
    """Raise ``OperationError`` unless this plan may run: looked at, ready, and confirmed as it wants."""
    if plan.fingerprint != seen:
        new = next((line for line in plan.fingerprint if line not in seen), "there is less to do than before")
        raise Changed(f"changed since you looked: {new}; nothing was done", "look at the plan again")
    broken = [condition for condition in plan.conditions if not condition.holds]
    if broken:
        raise Refused(
            "; ".join(f"{c.text}: {c.found}" for c in broken), "; ".join(c.remedy for c in broken if c.remedy)
        )
    if plan.must_type and typed != plan.must_type:
        raise Refused(f"{plan.must_type} is protected", f"type its full id, {plan.must_type}, to do it all the same")


__all__ = ["LocalOperator", "OperationError", "Operator"]
