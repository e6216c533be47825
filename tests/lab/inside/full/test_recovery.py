"""An agent that is killed in mid-change, on a real kernel: nothing is lost, and ``iovtop recover`` settles it."""

from __future__ import annotations

import asyncio
import os
import signal
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import aclosing

import psutil
import pytest

from backend.cli.exits import Exit
from backend.model.operation import Entry
from backend.model.plan import Asked, RunEvent, RunState
from backend.ops.errors import AgentError
from backend.ops.journal_file import FOLDER
from tests.conformance.kernel import KernelMachine
from tests.conformance.machine import PCI, driver_of, plain, set_vfs, to_vfio, virtual_functions
from tests.lab.boot import REPOSITORY
from tests.lab.inside.conftest import SOON, child, iovtop, started

AGENT = [sys.executable, "-I", str(REPOSITORY / "backend/agent/__main__.py"), "--write"]
UNGUARDED = [sys.executable, "-I", str(REPOSITORY / "tests/lab/inside/unguarded_agent.py"), str(FOLDER)]


@pytest.fixture(autouse=True)
def journal() -> Iterator[None]:
    """Leave nothing of a failed test to the next."""
    yield
    (FOLDER / "journal").unlink(missing_ok=True)


async def kill_in(command: list[str], asked: list[Asked], when: Callable[[RunEvent], bool]) -> tuple[Entry, RunEvent]:
    """Let an agent do something and kill it at an event; return what the journal has, and the event."""
    operator = await started(command)
    agent = child(command)
    plan = await operator.plan(asked)
    last = None
    with pytest.raises(AgentError):  # noqa: PT012 - it comes while we listen
        async with aclosing(operator.run(plan.asked, plan.fingerprint)) as events:
            async for event in events:
                last = event
                if when(event):
                    agent.send_signal(signal.SIGKILL)
    assert last is not None
    agent.wait(SOON)
    late = await started(AGENT)
    entry = (await late.log())[-1]
    await late.close()
    assert entry.ended is None
    return entry, last


def made(event: RunEvent) -> bool:
    """Whether the VFs have come."""
    return event.state is RunState.STEP_DONE and "VFs" in event.text


@pytest.mark.parametrize("way", ["finish", "rollback"])
async def test_killed_between_two_steps(machine: KernelMachine, way: str) -> None:
    asked = [Asked("numvfs", {"pf": machine.pf, "count": 3, "guests": True})]
    entry, _ = await kill_in(AGENT, asked, made)
    number = str(entry.operation)
    assert len(virtual_functions(machine, machine.pf)) == 3
    said = iovtop("recover")
    assert (said.returncode, f"operation {number}, open: 3 VFs on {machine.pf}" in said.stdout) == (Exit.FINDING, True)
    assert f"`iovtop recover {number} {way}`" in said.stdout
    locked = iovtop("numvfs", machine.pf, "2", "--yes")
    assert locked.returncode == Exit.REFUSED, locked.stdout
    assert "iovtop recover" in locked.stdout + locked.stderr
    settled = iovtop("recover", number, way, "--yes")
    assert settled.returncode == Exit.OK, settled.stdout + settled.stderr
    vfs = virtual_functions(machine, machine.pf)
    assert [driver_of(machine, vf) for vf in vfs] == (["vfio-pci"] * 3 if way == "finish" else [])
    assert plain(machine, f"{PCI}/{machine.pf}/sriov_drivers_autoprobe") == "1"
    assert iovtop("recover").stdout == "nothing is unfinished\n"


async def test_killed_while_a_write_waits_in_the_kernel(machine: KernelMachine) -> None:
    vf, *_ = await set_vfs(machine, machine.pf, 2)
    await to_vfio(machine, vf)
    holder = await machine.hold(vf)
    asked = [Asked("numvfs", {"pf": machine.pf, "count": 0})]
    entry, waiting = await kill_in(UNGUARDED, asked, lambda event: event.state is RunState.WAITING)
    assert psutil.Process(waiting.pid).is_running()
    assert os.getsid(waiting.pid) == waiting.pid
    said = iovtop("recover")
    assert said.returncode == Exit.STUCK, said.stdout + said.stderr
    assert f"operation {entry.operation}, waiting: 0 VFs on {machine.pf}" in said.stdout
    assert f"{PCI}/{machine.pf}/sriov_numvfs (pid {waiting.pid}, " in said.stdout
    refused = iovtop("recover", str(entry.operation), "rollback", "--yes")
    assert refused.returncode == Exit.REFUSED
    assert vf in machine.doors.files.list(PCI)  # its link from the PF goes first
    await machine.release(holder)
    deadline = time.monotonic() + SOON
    while virtual_functions(machine, machine.pf) or psutil.pid_exists(waiting.pid):
        assert time.monotonic() < deadline
        await asyncio.sleep(0.2)
    said = iovtop("recover")
    assert (said.returncode, "the host is as it was asked for" in said.stdout) == (Exit.OK, True), said.stdout
    assert iovtop("recover").stdout == "nothing is unfinished\n"
