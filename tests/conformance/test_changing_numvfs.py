"""The number of VFs as an operation: previewed, guarded, read back, taken back."""

from __future__ import annotations

import pytest

from backend.model.plan import RunState
from backend.ops.errors import Changed, NoSuchDevice, Refused
from tests.conformance.machine import PCI, Machine, driver_of, plain, set_vfs, to_vfio, virtual_functions
from tests.conformance.operating import Operating


async def test_vfs_come_where_the_plan_said_and_undo_takes_them_away(machine: Machine) -> None:
    operating = Operating(machine)
    plan = await operating.plan("numvfs", pf=machine.pf, count=3, guests=True)
    assert plan.ready
    events = await operating.confirm(plan)
    assert events[-1].state is RunState.DONE, events
    vfs = virtual_functions(machine, machine.pf)
    assert len(vfs) == 3
    assert f"new VFs are expected at {vfs[0]} to {vfs[-1]}" in plan.consequences
    assert [driver_of(machine, vf) for vf in vfs] == ["vfio-pci"] * 3
    assert plain(machine, f"{PCI}/{machine.pf}/sriov_drivers_autoprobe") == "1"
    assert (await operating.undo(plan))[-1].state is RunState.DONE
    assert virtual_functions(machine, machine.pf) == []


async def test_another_number_goes_through_none(machine: Machine) -> None:
    await set_vfs(machine, machine.pf, 4)
    events = await Operating(machine).do("numvfs", pf=machine.pf, count=2)
    assert [event.text for event in events if event.state is RunState.STARTED] == ["remove the 4 VFs", "make 2 VFs"]
    assert events[-1].state is RunState.DONE
    assert len(virtual_functions(machine, machine.pf)) == 2


async def test_the_same_number_is_nothing_to_do(machine: Machine) -> None:
    await set_vfs(machine, machine.pf, 2)
    plan = await Operating(machine).plan("numvfs", pf=machine.pf, count=2)
    assert plan.steps == ()


@pytest.mark.parametrize("way", ["group", "cdev"])
async def test_a_held_vf_is_never_taken_away(machine: Machine, way: str) -> None:
    if way not in machine.ways:
        pytest.skip(f"this machine cannot hold by {way}")
    vf, other = await set_vfs(machine, machine.pf, 2)
    await to_vfio(machine, vf)
    holder = await machine.hold(vf, way)
    operating = Operating(machine)
    plan = await operating.plan("numvfs", pf=machine.pf, count=0)
    (broken,) = plan.broken
    assert broken.text == f"nobody holds {vf}"
    assert "pid " in broken.found
    with pytest.raises(Refused, match="held by"):
        await operating.confirm(plan)
    assert virtual_functions(machine, machine.pf) == [vf, other]
    await machine.release(holder)
    assert (await operating.do("numvfs", pf=machine.pf, count=0))[-1].state is RunState.DONE


async def test_what_changed_since_it_was_looked_at_is_not_done(machine: Machine) -> None:
    vf, _ = await set_vfs(machine, machine.pf, 2)
    await to_vfio(machine, vf)
    operating = Operating(machine)
    plan = await operating.plan("numvfs", pf=machine.pf, count=0)
    assert plan.ready
    holder = await machine.hold(vf)
    with pytest.raises(Changed, match="changed since you looked"):
        await operating.confirm(plan)
    assert len(virtual_functions(machine, machine.pf)) == 2
    assert operating.journal.entries() == []
    await machine.release(holder)


async def test_more_than_the_device_can_is_said_beforehand(machine: Machine) -> None:
    plan = await Operating(machine).plan("numvfs", pf=machine.pf, count=4000)
    (broken,) = plan.broken
    assert "sriov_totalvfs" in broken.found
    assert broken.remedy


async def test_what_is_no_pf_has_no_vfs(machine: Machine) -> None:
    (vf,) = await set_vfs(machine, machine.pf, 1)
    with pytest.raises(Refused, match="is no PF"):
        await Operating(machine).plan("numvfs", pf=vf, count=1)
    with pytest.raises(NoSuchDevice):
        await Operating(machine).plan("numvfs", pf="ffff:ff:1f.7", count=1)


async def test_vfs_that_are_there_are_made_ready_for_guests(machine: Machine) -> None:
    first, second = await set_vfs(machine, machine.pf, 2, autoprobe=True)
    await to_vfio(machine, first)
    operating = Operating(machine)
    holder = await machine.hold(first)
    plan = await operating.plan("numvfs", pf=machine.pf, count=2, guests=True)
    assert {step.where.split("/")[5] for step in plan.steps if "/devices/" in step.where} == {second}
    assert (await operating.confirm(plan))[-1].state is RunState.DONE
    assert [driver_of(machine, vf) for vf in (first, second)] == ["vfio-pci", "vfio-pci"]
    assert (await operating.plan("numvfs", pf=machine.pf, count=2, guests=True)).steps == ()
    assert (await operating.undo(plan))[-1].state is RunState.DONE
    assert [driver_of(machine, vf) for vf in (first, second)] == ["vfio-pci", machine.vf_driver]
    await machine.release(holder)


async def test_vfs_without_drivers_after_a_crash_are_bound_by_the_same_request(machine: Machine) -> None:
    operating = Operating(machine)
    plan = await operating.plan("numvfs", pf=machine.pf, count=2, guests=True)
    vfs = await set_vfs(machine, machine.pf, 2)
    rest = await machine.run(operating.operator.plan(plan.asked))
    assert (await operating.confirm(rest))[-1].state is RunState.DONE
    assert [driver_of(machine, vf) for vf in vfs] == ["vfio-pci", "vfio-pci"]
    assert plain(machine, f"{PCI}/{machine.pf}/sriov_drivers_autoprobe") == "1"
