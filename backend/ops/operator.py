"""Plans and runs for whoever asks: the one way in to everything below."""

from __future__ import annotations

import contextlib
from collections.abc import AsyncGenerator, AsyncIterator, Sequence
from dataclasses import replace
from typing import Protocol

from backend.host.doors import HostDoors
from backend.model.job import MIGRATE
from backend.model.operation import Entry, Standing, Unfinished, Who
from backend.model.plan import Asked, Condition, Plan, RunEvent, RunState
from backend.model.requests import Request
from backend.model.vfio import VfioLook
from backend.ops.codec import request_of
from backend.ops.errors import Changed, JournalUnwritable, OperationError, Refused
from backend.ops.journal import Journal
from backend.ops.looking import look_into
from backend.ops.operation import Operation, in_turn
from backend.ops.recover import look_at
from backend.ops.run import Control, Runner
from backend.ops.verbs import PLANNERS
from backend.ops.waiting import still_waiting
from backend.ops.world import World
from backend.state.aside import HolderScanner, scanner_for


class Operator(Protocol):
    """What faces ask for changes. Every method raises ``OperationError`` with a sentence and a remedy."""

    async def plan(self, requests: Sequence[Asked], settles: int | None = None) -> Plan:
        """Return the way to what is asked for, as the host is now. Changes nothing.

        Args:
            settles: the operation, not yet ended, that this finishes or takes back.
        """
        ...

    def run(
        self,
        requests: Sequence[Asked],
        seen: Sequence[str],
        typed: str = "",
        undoes: int | None = None,
        settles: int | None = None,
    ) -> AsyncIterator[RunEvent]:
        """Do it, if the plan is still the one that was looked at.

        Args:
            seen: the fingerprint of the plan that was confirmed.
            typed: what the operator typed, where the plan wants that.
            undoes: the operation that this one takes back.
            settles: the operation, not yet ended, that this one finishes, or takes back when ``undoes`` names it too.
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

    async def damage(self) -> Sequence[str]:
        """Return what is wrong with the journal itself, one sentence each."""
        ...

    async def recover(self) -> Sequence[Unfinished]:
        """Look how the host stands after each operation that has not ended; close those that need nothing more."""
        ...

    async def forget(self, operation: int) -> None:
        """Close an operation that has not ended, and leave the host as it is."""
        ...

    async def look_at(self, device: str) -> VfioLook:
        """Open a device that nobody holds by VFIO, and return what it says of itself. It may be reset by that."""
        ...

    async def close(self) -> None:
        """Let go; never waits for the kernel."""
        ...


class LocalOperator:
    """An operator in this process.

    Args:
        scanner: looks for holders; by default one that suits the host. It is let go with the operator.
    """

    def __init__(self, doors: HostDoors, journal: Journal, who: Who, scanner: HolderScanner | None = None) -> None:
        self._doors = doors
        self._journal = journal
        self._who = who
        self._control = Control()
        self._scanner = scanner_for(doors) if scanner is None else scanner

    async def plan(self, requests: Sequence[Asked], settles: int | None = None) -> Plan:
        """Return the plan."""
        parsed = [request_of(request) for request in requests]
        world = self._world()
        await world.look()
        return (await self._prepare(parsed, world, settles)).plan

    def _world(self) -> World:
        return World(self._doors, self._scanner, self._who.ssh_client.partition(" ")[0])

    async def _prepare(self, parsed: Sequence[Request], world: World, settles: int | None) -> Operation:
        try:
            operation = await in_turn(world, [(PLANNERS[request.verb], request) for request in parsed])
        finally:
            world.stop_supposing()
        taken = self._taken(operation.plan, settles)
        if taken and operation.plan.steps:
            plan = replace(operation.plan, conditions=(*operation.plan.conditions, *taken))
            return Operation(plan, operation.work)
        return operation

    def _taken(self, plan: Plan, settles: int | None) -> list[Condition]:
        """Return a condition for each other operation that has not ended and touches the same devices."""
        return [
            Condition(
                f"nothing else is being done to {', '.join(shared)}",
                False,
                f"operation {entry.operation} ({entry.plan.title}) has not ended",
                "`iovtop recover` says how it stands, and finishes it or takes it back"
                if entry.plan.asked[0].verb != MIGRATE
                else "wait for its end, or cancel it: `iovtop jobs`",
            )
            for entry in self._journal.entries()
            if entry.unfinished
            and entry.operation != settles
            and (shared := sorted({*entry.plan.devices} & {*plan.devices}))
        ]

    async def run(
        self,
        requests: Sequence[Asked],
        seen: Sequence[str],
        typed: str = "",
        undoes: int | None = None,
        settles: int | None = None,
    ) -> AsyncGenerator[RunEvent, None]:
        """Run it."""
        self._control = Control()
        parsed = [request_of(request) for request in requests]
        with self._journal.exclusive():
            world = self._world()
            await world.look()
            if settles is not None:
                self._settled(settles, world)
            operation = await self._prepare(parsed, world, settles)
            _admit(operation.plan, tuple(seen), typed)
            runner = Runner(operation, world, self._journal, self._who, self._control, undoes)
            async for event in runner.events():
                if event.state is RunState.DONE and settles is not None:
                    how = RunState.ABORTED if undoes == settles else RunState.DONE
                    done = "taken back" if undoes == settles else "finished"
                    with contextlib.suppress(JournalUnwritable):  # found as it is at the next look
                        self._journal.end(settles, how, f"{done} by operation {event.operation}")
                yield event

    def _settled(self, number: int, world: World) -> None:
        """Raise ``Refused`` unless that operation may be settled now."""
        entry = self._unfinished(number)
        waiting = still_waiting(entry, self._doors, world.host.boot_id)
        if waiting is not None:
            raise Refused(
                f"a step of operation {number} still waits in the kernel: {waiting}",
                "it comes back when whoever holds the device lets go",
            )

    def _unfinished(self, number: int) -> Entry:
        for entry in self._journal.entries():
            if entry.operation == number and entry.unfinished:
                return entry
        raise Refused(f"there is no operation {number} that has not ended", "`iovtop recover` lists those there are")

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

    async def damage(self) -> Sequence[str]:
        """Return what is wrong with the journal."""
        return self._journal.damage()

    async def recover(self) -> Sequence[Unfinished]:
        """Look at each operation that has not ended."""
        if not any(entry.unfinished for entry in self._journal.entries()):
            return ()
        with self._journal.exclusive():
            world = self._world()
            await world.look()
            found = []
            for entry in [entry for entry in self._journal.entries() if entry.unfinished]:
                one = await self._look_at(entry, world)
                if one.standing is Standing.CLOSED:
                    reached = one.finish is not None and not one.finish.steps
                    self._journal.end(entry.operation, RunState.DONE if reached else RunState.ABORTED, one.text)
                found.append(one)
            return found

    async def _look_at(self, entry: Entry, world: World) -> Unfinished:
        async def plan(requests: Sequence[Asked]) -> Plan:
            parsed = [request_of(request) for request in requests]
            return (await self._prepare(parsed, world, entry.operation)).plan

        return await look_at(entry, self._doors, world.host.boot_id, plan)

    async def forget(self, operation: int) -> None:
        """Close an operation, and leave the host as it is."""
        with self._journal.exclusive():
            self._unfinished(operation)
            self._journal.end(operation, RunState.ABORTED, "closed by hand: the host was left as it was")

    async def look_at(self, device: str) -> VfioLook:
        """Open a device and return what it says."""
        world = self._world()
        await world.look()
        return await look_into(device, world)

    async def close(self) -> None:
        """Let go of the look for holders; never waits."""
        self._scanner.close()


def _admit(plan: Plan, seen: tuple[str, ...], typed: str) -> None:
    """Raise ``OperationError`` unless this plan may run: looked at, ready, and confirmed as it wants."""
    if plan.fingerprint != seen:
        new = next((line for line in plan.fingerprint if line not in seen), "there is less to do than before")
        raise Changed(f"changed since you looked: {new}; nothing was done", "look at the plan again")
    if not plan.ready:
        raise Refused(plan.objections, plan.remedies)
    if plan.must_type and typed != plan.must_type:
        raise Refused(f"{plan.must_type} is protected", f"type its full id, {plan.must_type}, to do it all the same")


__all__ = ["LocalOperator", "OperationError", "Operator"]
