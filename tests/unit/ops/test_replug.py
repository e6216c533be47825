"""The data path of a device that a running VM holds, on simulated VMs that answer on real sockets."""

from __future__ import annotations

from collections.abc import AsyncIterator

import pytest
import pytest_asyncio

from backend.model.device import DataPath
from backend.model.operation import Who
from backend.model.plan import Asked, Plan, RunEvent, RunState
from backend.ops import plug_again
from backend.ops.errors import Refused
from backend.ops.journal import MemoryJournal
from backend.ops.operator import LocalOperator
from backend.ops.world import World
from backend.simhost import open_simulated
from backend.simhost.host import SimulatedHost
from backend.simhost.vms import VmPlan
from backend.state.aside import scanner_for
from backend.vmm.devices import ask_devices
from backend.vmm.monitor import connect

VF, SPARE = "0000:c1:00.2", "0000:c1:00.6"


class Stage:
    """A host whose VMs live in real time."""

    def __init__(self) -> None:
        self.host: SimulatedHost = open_simulated("duo")
        self.host.sockets.speed = 20
        self.operator = LocalOperator(self.host, MemoryJournal(self.host.clock), Who(0, None, "root", "", "", ""))

    async def plan(self, device: str, *, trap: bool) -> Plan:
        return await self.operator.plan([Asked("replug", {"device": device, "trap": trap})])

    async def run(self, plan: Plan) -> list[RunEvent]:
        return [event async for event in self.operator.run(plan.asked, plan.fingerprint)]

    async def path(self, device: str) -> DataPath | None:
        world = World(self.host, scanner_for(self.host))
        await world.look()
        return world.device(device).path

    async def plugged(self, name: str) -> dict[str, dict[str, object]]:
        async with await connect(self.host.sockets, f"/run/vm/{name}.qmp", name, uid=64055) as monitor:
            return await ask_devices(monitor)


@pytest_asyncio.fixture
async def stage() -> AsyncIterator[Stage]:
    found = Stage()
    yield found
    found.host.close()


async def test_trapped_and_back(stage: Stage) -> None:
    assert await stage.path(VF) is DataPath.PASSTHROUGH
    before = (await stage.plugged("web-2"))[VF]
    plan = await stage.plan(VF, trap=True)
    assert plan.ready
    assert "where it is mapped" in plan.title
    end = (await stage.run(plan))[-1]
    assert (end.state, end.text) == (RunState.DONE, f"QEMU says that {VF} is trapped")
    assert await stage.path(VF) is DataPath.TRAP
    assert (await stage.plugged("web-2"))[VF] == before | {"x-no-mmap": True}
    back = await stage.operator.plan(plan.undo)
    assert (await stage.run(back))[-1].state is RunState.DONE
    assert await stage.path(VF) is DataPath.PASSTHROUGH
    assert (await stage.plugged("web-2"))[VF] == before


async def test_what_is_so_already_needs_no_step(stage: Stage) -> None:
    plan = await stage.plan(VF, trap=False)
    assert (plan.steps, plan.undo, plan.ready) == ((), (), True)


async def test_a_guest_that_ignores_it_leaves_everything_as_it_was(
    stage: Stage, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(plug_again.PlugAgain.__init__, "__defaults__", ("", 0.5))
    stage.host.kernel.start_vm(VmPlan("deaf", (SPARE,), style="plain", guest="none"))
    plan = await stage.plan(SPARE, trap=True)
    end = (await stage.run(plan))[-1]
    assert end.state is RunState.FAILED
    assert f"did not let {SPARE} go in 0.5 s: nothing changed" in end.text
    assert "device_add driver=vfio-pci id=hostpci0 bus=rp0" in end.remedy
    assert await stage.path(SPARE) is DataPath.PASSTHROUGH
    assert (await stage.plugged("deaf"))[SPARE]["x-no-mmap"] is False


async def test_what_qemu_does_not_take_is_plugged_in_as_before(stage: Stage) -> None:
    plan = await stage.plan(VF, trap=True)
    stage.host.sockets.vm("web-2").plugging.refused = ["x-no-mmap is broken today"]
    end = (await stage.run(plan))[-1]
    assert end.state is RunState.FAILED
    assert end.text.endswith("the new way (x-no-mmap is broken today): it is plugged in as before")
    assert await stage.path(VF) is DataPath.PASSTHROUGH


async def test_a_device_that_is_lost_is_said_to_be(stage: Stage) -> None:
    plan = await stage.plan(VF, trap=True)
    stage.host.sockets.vm("web-2").plugging.refused = ["once", "twice"]
    end = (await stage.run(plan))[-1]
    assert (
        end.text == f"web-2 is WITHOUT {VF}: QEMU did not take it again, neither the new way (once) nor the old (twice)"
    )
    assert end.remedy.startswith("when the reason has gone: device_add driver=vfio-pci id=hostpci0")


async def test_the_vm_dies_on_the_way(stage: Stage) -> None:
    plan = await stage.plan(VF, trap=True)
    stage.host.sockets.vm("web-2").dies_on = "device_del"
    end = (await stage.run(plan))[-1]
    assert end.state is RunState.FAILED
    assert "QEMU has gone" in end.text


async def test_a_bus_without_hotplug_is_refused(stage: Stage) -> None:
    stage.host.kernel.start_vm(VmPlan("fixed", (SPARE,), style="plain", rooted=False))
    plan = await stage.plan(SPARE, trap=True)
    broken = plan.broken
    assert [condition.text for condition in broken] == [f"the bus of {SPARE} knows hot-plug"]


async def test_a_monitor_that_is_taken_is_a_condition(stage: Stage) -> None:
    async with await connect(stage.host.sockets, "/run/vm/web-2.qmp", "other", uid=64055):
        plan = await stage.plan(VF, trap=True)
    assert not plan.ready
    assert "another client is connected" in plan.conditions[0].found


@pytest.mark.parametrize(
    ("device", "words"),
    [
        ("0000:c1:00.5", "cache-1 belongs to libvirt, which applies x-no-mmap only when a domain starts"),
        (SPARE, f"no VM that can be seen holds {SPARE}"),
    ],
)
async def test_refused(stage: Stage, device: str, words: str) -> None:
    with pytest.raises(Refused, match=words):
        await stage.plan(device, trap=True)
