"""Drivers of functions as operations: bound, verified by their link, never taken from whoever holds them."""

from __future__ import annotations

import pytest

from backend.model.plan import Plan, RunState
from backend.ops.errors import Refused
from tests.conformance.machine import (
    PCI,
    Machine,
    driver_of,
    plain,
    read,
    set_vfs,
    to_vfio,
    virtual_functions,
    write,
)
from tests.conformance.operating import Operating


async def override_of(machine: Machine, device: str) -> str:
    return await read(machine, f"{PCI}/{device}/driver_override")


def broken(plan: Plan) -> list[str]:
    return [condition.objection for condition in plan.broken]


async def test_for_guests_and_back_to_the_host(machine: Machine) -> None:
    (vf,) = await set_vfs(machine, machine.pf, 1, autoprobe=True)
    assert driver_of(machine, vf) == machine.vf_driver
    operating = Operating(machine)
    plan = await operating.plan("bind", device=vf, vfio=True)
    assert plan.ready
    assert [step.new for step in plan.steps] == ["vfio-pci", vf, vf]
    assert (await operating.confirm(plan))[-1].state is RunState.DONE
    assert driver_of(machine, vf) == "vfio-pci"
    assert await override_of(machine, vf) == "vfio-pci"
    assert (await operating.plan("bind", device=vf, vfio=True)).steps == ()
    assert (await operating.undo(plan))[-1].state is RunState.DONE
    assert driver_of(machine, vf) == machine.vf_driver
    assert await override_of(machine, vf) == "(null)"


async def test_what_had_no_driver_has_none_again(machine: Machine) -> None:
    (vf,) = await set_vfs(machine, machine.pf, 1)
    operating = Operating(machine)
    plan = await operating.plan("bind", device=vf, driver=machine.vf_driver)
    assert (await operating.confirm(plan))[-1].state is RunState.DONE
    assert driver_of(machine, vf) == machine.vf_driver
    assert (await operating.undo(plan))[-1].state is RunState.DONE
    assert (driver_of(machine, vf), await override_of(machine, vf)) == ("", "(null)")


async def test_a_pf_that_keeps_drivers_away_is_respected(machine: Machine) -> None:
    (vf,) = await set_vfs(machine, machine.pf, 1)
    await to_vfio(machine, vf)
    operating = Operating(machine)
    plan = await operating.plan("bind", device=vf)
    assert any("it stays without" in text for text in plan.consequences)
    assert (await operating.confirm(plan))[-1].state is RunState.DONE
    assert (driver_of(machine, vf), await override_of(machine, vf)) == ("", "(null)")


async def test_half_the_way_is_finished_or_taken_back(machine: Machine) -> None:
    (vf,) = await set_vfs(machine, machine.pf, 1, autoprobe=True)
    operating = Operating(machine)
    plan = await operating.plan("bind", device=vf, vfio=True)
    assert await write(machine, f"{PCI}/{vf}/driver_override", "vfio-pci") == "OK"
    assert await write(machine, f"{PCI}/{vf}/driver/unbind", vf) == "OK"
    rest = await machine.run(operating.operator.plan(plan.asked))
    assert [step.where for step in rest.steps] == ["/sys/bus/pci/drivers_probe"]
    assert (await operating.undo(plan))[-1].state is RunState.DONE
    assert (driver_of(machine, vf), await override_of(machine, vf)) == (machine.vf_driver, "(null)")


async def test_a_driver_that_is_not_there_is_said_and_taken_back(machine: Machine) -> None:
    (vf,) = await set_vfs(machine, machine.pf, 1, autoprobe=True)
    operating = Operating(machine)
    plan = await operating.plan("bind", device=vf, driver="nosuchdriver")
    assert plan.steps[0].shell == "modprobe --use-blacklist -- nosuchdriver"
    end = (await operating.confirm(plan))[-1]
    assert end.state is RunState.FAILED
    assert "module nosuchdriver" in end.text
    assert driver_of(machine, vf) == machine.vf_driver


async def test_a_driver_that_refuses_is_found_by_the_link(machine: Machine) -> None:
    # The kernel accepts the override and says nothing: the hardware is not the driver's.
    (vf,) = await set_vfs(machine, machine.pf, 1)
    operating = Operating(machine)
    await to_vfio(machine, vf)
    plan = await operating.plan("unbind", device=vf)
    assert (await operating.confirm(plan))[-1].state is RunState.DONE
    assert (driver_of(machine, vf), await override_of(machine, vf)) == ("", "vfio-pci")
    assert (await operating.undo(plan))[-1].state is RunState.DONE
    assert driver_of(machine, vf) == "vfio-pci"


@pytest.mark.parametrize("verb", ["bind", "unbind"])
async def test_a_held_vf_keeps_its_driver(machine: Machine, verb: str) -> None:
    (vf,) = await set_vfs(machine, machine.pf, 1)
    await to_vfio(machine, vf)
    holder = await machine.hold(vf)
    operating = Operating(machine)
    plan = await operating.plan(verb, device=vf)
    (why,) = broken(plan)
    assert why.startswith(f"it must be that nobody holds {vf}; found: held by")
    assert "pid " in why
    with pytest.raises(Refused, match="held by"):
        await operating.confirm(plan)
    assert driver_of(machine, vf) == "vfio-pci"
    await machine.release(holder)
    assert (await operating.do(verb, device=vf))[-1].state is RunState.DONE


@pytest.mark.parametrize("verb", ["bind", "unbind"])
async def test_a_pf_whose_vf_is_held_keeps_its_driver(machine: Machine, verb: str) -> None:
    vf, _ = await set_vfs(machine, machine.pf, 2)
    await to_vfio(machine, vf)
    holder = await machine.hold(vf)
    operating = Operating(machine)
    plan = await operating.plan(verb, device=machine.pf, **({"vfio": True} if verb == "bind" else {}))
    (why,) = broken(plan)
    assert why.startswith(f"it must be that nobody holds {vf}; found: held by")
    with pytest.raises(Refused, match="held by"):
        await operating.confirm(plan)
    assert driver_of(machine, machine.pf) == machine.pf_driver
    await machine.release(holder)


async def test_a_pf_gives_its_vfs_up_first_and_gets_them_back(machine: Machine) -> None:
    await set_vfs(machine, machine.pf, 2)
    operating = Operating(machine)
    plan = await operating.plan("bind", device=machine.pf, vfio=True)
    assert plan.steps[0].text == "remove the 2 VFs"
    assert plan.no_undo
    assert (await operating.confirm(plan))[-1].state is RunState.DONE
    assert driver_of(machine, machine.pf) == "vfio-pci"
    assert (await operating.undo(plan))[-1].state is RunState.DONE
    assert driver_of(machine, machine.pf) == machine.pf_driver
    assert len(virtual_functions(machine, machine.pf)) == 2
    assert plain(machine, f"{PCI}/{machine.pf}/sriov_drivers_autoprobe") == "0"


async def test_a_host_driver_waits_for_whoever_owns_the_group(machine: Machine, sharing: tuple[str, str]) -> None:
    first, second = sharing
    await to_vfio(machine, first)
    operating = Operating(machine)
    assert (await operating.do("unbind", device=second))[-1].state is RunState.DONE
    holder = await machine.hold(first)
    plan = await operating.plan("bind", device=second)
    (why,) = broken(plan)
    assert why.startswith(f"it must be that nobody holds {first} of the same IOMMU group")
    await machine.release(holder)
    assert (await operating.do("bind", device=second))[-1].state is RunState.DONE
    assert driver_of(machine, second) == machine.sharing_driver


async def test_who_stands_in_the_way_of_a_group_is_said(machine: Machine, sharing: tuple[str, str]) -> None:
    first, second = sharing
    plan = await Operating(machine).plan("bind", device=first, vfio=True)
    assert any(f"{second} {machine.sharing_driver}" in text for text in plan.consequences)


async def test_what_has_no_driver_of_its_own_to_choose(machine: Machine) -> None:
    bridge = next(
        name for name in machine.doors.files.list(PCI) if plain(machine, f"{PCI}/{name}/class").startswith("0x0604")
    )
    with pytest.raises(Refused, match="is a bridge"):
        await Operating(machine).plan("bind", device=bridge, vfio=True)
