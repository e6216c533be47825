"""A change that does not come back from the kernel: who must let go, what is locked, and what is not."""

from __future__ import annotations

from collections.abc import AsyncIterator

import pytest

from backend.model.operation import Standing
from backend.model.plan import RunEvent, RunState
from backend.ops.errors import Refused
from tests.conformance.machine import Machine, set_vfs, to_vfio, virtual_functions
from tests.conformance.operating import Operating


async def first_waiting(events: AsyncIterator[RunEvent]) -> RunEvent:
    """Return the first event that says that a step waits."""
    async for event in events:
        if event.state is RunState.WAITING:
            return event
    raise AssertionError("it came back")


async def rest(events: AsyncIterator[RunEvent]) -> list[RunEvent]:
    """Return what still happens."""
    return [event async for event in events]


async def test_a_stuck_change_names_who_must_let_go_and_goes_on_when_they_do(machine: Machine) -> None:
    vf, _ = await set_vfs(machine, machine.pf, 2)
    await to_vfio(machine, vf)
    holder = await machine.hold(vf)
    operating = Operating(machine, guarded=False)
    plan = await operating.plan("numvfs", pf=machine.pf, count=0)
    events = (await operating.agent()).run(plan.asked, plan.fingerprint)
    waiting = await machine.run(first_waiting(events))
    assert f"{vf} is held by" in waiting.text
    assert waiting.pid
    assert waiting.waited >= 3
    await machine.release(holder)
    ended = (await machine.run(rest(events)))[-1]
    assert ended.state is RunState.DONE, ended
    assert virtual_functions(machine, machine.pf) == []


async def test_a_stuck_change_that_was_left_locks_its_devices_and_no_other(machine: Machine) -> None:
    vf, _ = await set_vfs(machine, machine.pf, 2)
    await to_vfio(machine, vf)
    holder = await machine.hold(vf)
    operating = Operating(machine, guarded=False)
    plan = await operating.plan("numvfs", pf=machine.pf, count=0)
    operator = await operating.agent()
    events = operator.run(plan.asked, plan.fingerprint)
    waiting = await machine.run(first_waiting(events))
    operator.leave()
    ended = (await machine.run(rest(events)))[-1]
    assert ended.state is RunState.STUCK
    assert f"pid {waiting.pid}" in ended.text
    assert f"{vf} is held by" in ended.text
    (entry, *_) = await operator.log()
    assert (entry.ended, entry.text) == (RunState.STUCK, ended.text)
    # Its PF is locked; the other is not, though the kernel keeps whoever changes VFs waiting meanwhile.
    locked = await operating.plan("numvfs", pf=machine.pf, count=4)
    assert not locked.ready
    with pytest.raises(Refused, match="has not ended"):
        await operating.confirm(locked)
    other = await operating.plan("numvfs", pf=machine.other_pf, count=0, autoprobe=False)
    assert other.ready
    assert (await operating.confirm(other))[-1].state is RunState.DONE
    await machine.release(holder)
    while machine.doors.guarded.waiting():
        await machine.run(machine.doors.clock.sleep(0.2))
    assert virtual_functions(machine, machine.pf) == []
    (found,) = await machine.run(operator.recover())
    assert found.standing is Standing.CLOSED
    assert (await machine.run(operator.log()))[0].ended is RunState.DONE
