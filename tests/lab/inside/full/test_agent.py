"""The agent on a real kernel: what is held is not touched, and what waits in the kernel holds nobody up."""

from __future__ import annotations

import asyncio
import contextlib
import os
import sys
import time
from pathlib import Path

import psutil
import pytest

from backend.agent.client import AgentOperator
from backend.host.linux import LinuxHost
from backend.model.operation import Standing
from backend.model.plan import Asked, Plan, RunEvent, RunState
from backend.ops.errors import Refused
from tests.conformance.kernel import KernelMachine
from tests.conformance.machine import plain, set_vfs, to_vfio, virtual_functions
from tests.lab.boot import REPOSITORY
from tests.lab.inside.conftest import SOON, child, started

AGENT = [sys.executable, "-I", str(REPOSITORY / "backend/agent/__main__.py"), "--write"]
UNGUARDED = [sys.executable, "-I", str(REPOSITORY / "tests/lab/inside/unguarded_agent.py")]


def numvfs(pf: str, count: int) -> list[Asked]:
    return [Asked("numvfs", {"pf": pf, "count": count, "guests": True})]


async def run(operator: AgentOperator, plan: Plan) -> list[RunEvent]:
    return [event async for event in operator.run(plan.asked, plan.fingerprint)]


async def held_vf(machine: KernelMachine) -> tuple[str, object]:
    """Return a VF that a process holds, and the process."""
    vf, *_ = await set_vfs(machine, machine.pf, 3)
    await to_vfio(machine, vf)
    return vf, await machine.hold(vf)


async def test_vfs_come_and_go(machine: KernelMachine) -> None:
    operator = await started(AGENT)
    for count in (4, 2, 0):
        events = await run(operator, await operator.plan(numvfs(machine.pf, count)))
        assert events[-1].state is RunState.DONE, events
        assert len(virtual_functions(machine, machine.pf)) == count
    assert [entry.ended for entry in (await operator.log())[-3:]] == [RunState.DONE] * 3
    assert (await operator.log())[-1].who.uid == 0
    await operator.close()


async def test_a_held_vf_is_refused_and_its_holder_named(machine: KernelMachine) -> None:
    vf, holder = await held_vf(machine)
    operator = await started(AGENT)
    plan = await operator.plan(numvfs(machine.pf, 0))
    (broken,) = plan.broken
    assert broken.text == f"nobody holds {vf}"
    assert f"pid {machine.pid_of(holder)}" in broken.found
    with pytest.raises(Refused, match=f"pid {machine.pid_of(holder)}"):
        await run(operator, plan)
    assert len(virtual_functions(machine, machine.pf)) == 3
    await operator.close()
    await machine.release(holder)


async def test_forced_past_its_guard_a_change_waits_and_nobody_with_it(machine: KernelMachine, tmp_path: Path) -> None:
    vf, holder = await held_vf(machine)
    operator = await started([*UNGUARDED, str(tmp_path)])
    agent = child([*UNGUARDED, str(tmp_path)])
    plan = await operator.plan(numvfs(machine.pf, 0))
    assert plan.ready
    events: list[RunEvent] = []
    turns = asyncio.create_task(_turns())
    async with contextlib.aclosing(operator.run(plan.asked, plan.fingerprint)) as running:
        async for event in running:
            events.append(event)
            if [one.state for one in events].count(RunState.WAITING) == 2:
                break
    turns.cancel()
    waiting = events[-1]
    assert f"{vf} is held by" in waiting.text
    assert f"pid {machine.pid_of(holder)}" in waiting.text
    assert waiting.waited >= 3
    stuck = psutil.Process(waiting.pid)
    assert os.getsid(waiting.pid) == waiting.pid
    if waiting.wchan:
        assert waiting.wchan == plain(machine, f"/proc/{waiting.pid}/wchan")

    # The other PF can be planned for while it waits, its own cannot be changed.
    assert (await operator.plan(numvfs(machine.other_pf, 0))).ready
    assert not (await operator.plan(numvfs(machine.pf, 1))).ready

    async with asyncio.timeout(SOON):
        await operator.close()
    with contextlib.suppress(psutil.NoSuchProcess):
        agent.wait(SOON)
    assert stuck.is_running()

    late = await started([*UNGUARDED, str(tmp_path)])
    (entry,) = await late.log()
    assert entry.ended is RunState.STUCK
    assert entry.left is not None
    assert entry.left.pid == waiting.pid
    assert f"pid {waiting.pid}" in entry.text
    (found,) = await late.recover()
    assert found.standing is Standing.WAITING
    locked = await late.plan(numvfs(machine.pf, 1))
    with pytest.raises(Refused, match="has not ended"):
        await run(late, locked)
    autoprobe = await late.plan([Asked("numvfs", {"pf": machine.other_pf, "count": 0, "autoprobe": False})])
    assert (await run(late, autoprobe))[-1].state is RunState.DONE

    await machine.release(holder)
    deadline = time.monotonic() + SOON
    while virtual_functions(machine, machine.pf) or psutil.pid_exists(waiting.pid):
        assert time.monotonic() < deadline
        await asyncio.sleep(0.2)
    (found,) = await late.recover()
    assert found.standing is Standing.CLOSED
    assert (await late.log())[0].ended is RunState.DONE
    await late.close()


async def _turns() -> None:
    """Fail if the loop of the face ever stands still."""
    while True:
        began = time.monotonic()
        await asyncio.sleep(0.05)
        assert time.monotonic() - began < SOON / 4


async def test_a_looking_host_has_no_way_to_write(machine: KernelMachine) -> None:
    host = LinuxHost()
    with pytest.raises(OSError, match="no way to write"):
        await host.guarded.write(f"/sys/bus/pci/devices/{machine.pf}/sriov_numvfs", b"1", deadline=5)
    host.close()
