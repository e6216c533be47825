"""IOMMU groups as operations: given to VFIO as a whole; the type of their default domain."""

from __future__ import annotations

import pytest

from backend.model.plan import RunState
from backend.ops.errors import NoSuchDevice, Refused
from tests.conformance.machine import Machine, driver_of, group_of, plain, set_vfs, to_vfio
from tests.conformance.operating import Operating


async def test_all_functions_of_a_group_and_back(machine: Machine, sharing: tuple[str, str]) -> None:
    first, second = sharing
    number = int(group_of(machine, first))
    operating = Operating(machine)
    plan = await operating.plan("group bind", group=number)
    assert plan.ready
    (request,) = plan.asked
    assert set(request.arguments["members"]) == {first, second}
    assert (await operating.confirm(plan))[-1].state is RunState.DONE
    assert [driver_of(machine, name) for name in sharing] == ["vfio-pci", "vfio-pci"]
    await machine.release(await machine.hold(first))
    assert (await operating.plan("group bind", group=number)).steps == ()
    assert (await operating.undo(plan))[-1].state is RunState.DONE
    assert [driver_of(machine, name) for name in sharing] == [machine.sharing_driver] * 2


async def test_a_held_member_is_never_taken(machine: Machine, sharing: tuple[str, str]) -> None:
    first, second = sharing
    operating = Operating(machine)
    number = int(group_of(machine, first))
    assert (await operating.do("group bind", group=number))[-1].state is RunState.DONE
    holder = await machine.hold(second)
    plan = await operating.plan("bind", device=second)
    assert f"nobody holds {second}" in [condition.text for condition in plan.broken]
    with pytest.raises(Refused, match="held by"):
        await operating.confirm(plan)
    await machine.release(holder)


async def test_a_group_that_is_not_there(machine: Machine) -> None:
    with pytest.raises(NoSuchDevice, match="no IOMMU group"):
        await Operating(machine).plan("group bind", group=99999)


async def test_the_type_of_an_idle_group_and_back(machine: Machine) -> None:
    (vf,) = await set_vfs(machine, machine.pf, 1)
    number = group_of(machine, vf)
    path = f"/sys/kernel/iommu_groups/{number}/type"
    before = plain(machine, path)
    wanted = "identity" if before != "identity" else "DMA"
    operating = Operating(machine)
    plan = await operating.plan("group type", group=int(number), type=wanted)
    assert (await operating.confirm(plan))[-1].state is RunState.DONE
    assert plain(machine, path) == wanted
    assert (await operating.plan("group type", group=int(number), type=wanted)).steps == ()
    assert (await operating.undo(plan))[-1].state is RunState.DONE
    assert plain(machine, path) == before
    assert (await operating.do("group type", group=int(number), type="auto"))[-1].state is RunState.DONE


async def test_a_host_driver_forbids_it_and_is_named(machine: Machine) -> None:
    plan = await Operating(machine).plan("group type", group=int(group_of(machine, machine.pf)), type="DMA")
    if not plan.steps:
        plan = await Operating(machine).plan("group type", group=int(group_of(machine, machine.pf)), type="identity")
    assert any(one.found.startswith(f"{machine.pf} {machine.pf_driver}") for one in plan.broken)


async def test_a_flush_queue_comes_under_a_running_driver_and_cannot_go(machine: Machine) -> None:
    (vf,) = await set_vfs(machine, machine.pf, 1)
    number = int(group_of(machine, vf))
    operating = Operating(machine)
    assert (await operating.do("group type", group=number, type="DMA"))[-1].state is RunState.DONE
    await to_vfio(machine, vf, machine.vf_driver)
    assert (await operating.do("group type", group=number, type="DMA-FQ"))[-1].state is RunState.DONE
    assert not (await operating.plan("group type", group=number, type="DMA")).ready


async def test_a_held_group_keeps_its_type(machine: Machine) -> None:
    (vf,) = await set_vfs(machine, machine.pf, 1)
    await to_vfio(machine, vf)
    operating = Operating(machine)
    number = int(group_of(machine, vf))
    holder = await machine.hold(vf)
    wanted = "DMA" if plain(machine, f"/sys/kernel/iommu_groups/{number}/type") == "identity" else "identity"
    plan = await operating.plan("group type", group=number, type=wanted)
    assert [condition.text for condition in plan.broken] == [f"nobody holds {vf}"]
    await machine.release(holder)
