"""A step that was forced past its guard and does not come back: left at any moment, found again, settled."""

from __future__ import annotations

from collections.abc import AsyncIterator
from dataclasses import replace

import pytest

from backend.model.ids import PciAddress
from backend.model.operation import Standing
from backend.model.plan import Asked, RunEvent, RunState
from backend.model.requests import SetNumVfs
from backend.ops.actions import WriteFile
from backend.ops.errors import Refused
from backend.ops.numvfs import plan_numvfs
from backend.ops.operation import Operation
from backend.ops.run import Control, Runner
from backend.ops.world import World
from tests.conformance.machine import Machine, set_vfs, to_vfio, virtual_functions
from tests.conformance.operating import WHO, Operating


class Forced:
    """Taking away all VFs of the machine's PF, one of which is held, without asking who holds them."""

    def __init__(self, machine: Machine, patience: float) -> None:
        self.machine = machine
        self.operating = Operating(machine)
        self.control = Control()
        self._patience = patience

    async def events(self) -> AsyncIterator[RunEvent]:
        world = World(self.machine.doors, self.machine.scanner)
        await world.look()
        planned = await plan_numvfs(SetNumVfs(PciAddress(self.machine.pf), 0), world)
        work = tuple(
            replace(one, before=(), action=WriteFile(one.action.path, one.action.value, self._patience))
            for one in planned.work
            if isinstance(one.action, WriteFile)
        )
        operation = Operation(planned.plan, work)
        runner = Runner(operation, world, self.operating.journal, WHO, self.control)
        async for event in runner.events():
            yield event

    async def until(self, state: RunState) -> list[RunEvent]:
        """Run until an event of that kind, then let the operator leave; return all events."""
        found = []
        async for event in self.events():
            found.append(event)
            if event.state is state:
                self.control.leave.set()
        return found


@pytest.fixture
async def held(machine: Machine) -> object:
    """Two VFs, the first of which somebody holds."""
    vf, _ = await set_vfs(machine, machine.pf, 2)
    await to_vfio(machine, vf)
    return await machine.hold(vf)


async def test_it_can_be_left_and_settled_once_it_came_back(machine: Machine, held: object) -> None:
    forced = Forced(machine, 2.0)
    end = (await machine.run(forced.until(RunState.WAITING)))[-1]
    assert end.state is RunState.STUCK
    assert "is held by" in end.text
    operator = forced.operating.operator
    (one,) = await machine.run(operator.recover())
    assert (one.standing, one.finish) == (Standing.WAITING, None)
    with pytest.raises(Refused, match="still waits in the kernel"):
        await machine.run(_drain(operator.run(one.entry.plan.asked, (), settles=1)))
    other = await machine.run(operator.plan([Asked("numvfs", {"pf": machine.pf, "count": 4})]))
    assert "nothing else is being done to" in "; ".join(c.text for c in other.broken)
    await machine.release(held)
    while machine.doors.guarded.waiting():
        await machine.run(machine.doors.clock.sleep(0.2))
    (one,) = await machine.run(operator.recover())
    assert one.standing is Standing.CLOSED
    assert [entry.ended for entry in forced.operating.journal.entries()] == [RunState.DONE]
    assert await machine.run(operator.recover()) == ()


async def test_it_can_be_left_before_it_is_called_stuck(machine: Machine, held: object) -> None:
    forced = Forced(machine, 600.0)
    began = machine.doors.clock.monotonic()
    end = (await machine.run(forced.until(RunState.PROGRESS)))[-1]
    assert end.state is RunState.STUCK
    assert end.pid > 0
    assert machine.doors.clock.monotonic() - began < 60
    (entry,) = forced.operating.journal.entries()
    assert entry.left is not None
    assert entry.left.pid == end.pid
    await machine.release(held)


async def test_a_cancelled_operation_makes_no_further_step(machine: Machine) -> None:
    await set_vfs(machine, machine.pf, 2)
    operating = Operating(machine)
    plan = await operating.plan("numvfs", pf=machine.pf, count=4)

    async def run() -> list[RunEvent]:
        found = []
        async for event in operating.operator.run(plan.asked, plan.fingerprint):
            found.append(event)
            if event.state is RunState.STARTED:
                operating.operator.cancel()
        return found

    found = await machine.run(run())
    assert [event.text for event in found if event.state is RunState.STARTED] == ["remove the 2 VFs"]
    assert found[-1].state is RunState.ABORTED
    assert virtual_functions(machine, machine.pf) == []
    assert (await machine.run(operating.operator.recover())) == ()


async def _drain(events: AsyncIterator[RunEvent]) -> list[RunEvent]:
    return [event async for event in events]
