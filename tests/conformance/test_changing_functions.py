"""MSI-X vectors, devlink ports and the eswitch as operations, on a card that has them."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from backend.model.plan import RunState
from backend.ops.errors import Refused
from tests.conformance.machine import PCI, Machine, set_vfs, to_vfio
from tests.conformance.operating import Operating
from tests.conformance.test_nic import eswitch, ports

Need = Callable[[str], str]


async def test_vectors_are_given_read_back_and_taken_back(machine: Machine, need: Need) -> None:
    vf = (await set_vfs(machine, need("clever_pf"), 2))[1]
    operating = Operating(machine)
    plan = await operating.plan("msix", vf=vf, count=20)
    (step,) = plan.steps
    assert (step.where, step.new, plan.unseen) == (f"{PCI}/{vf}/sriov_vf_msix_count", "20", True)
    assert (await operating.confirm(plan))[-1].state is RunState.DONE
    assert (await operating.plan("msix", vf=vf, count=20)).steps == ()
    assert (await operating.undo(plan))[-1].state is RunState.DONE
    assert [now.old for now in (await operating.plan("msix", vf=vf, count=20)).steps] == [step.old]


async def test_a_bound_vf_keeps_its_vectors(machine: Machine, need: Need) -> None:
    (vf,) = await set_vfs(machine, need("clever_pf"), 1)
    await to_vfio(machine, vf)
    plan = await Operating(machine).plan("msix", vf=vf, count=20)
    (broken,) = plan.broken
    assert (broken.found, broken.remedy.split(",")[0]) == ("it is bound to vfio-pci", f"iovtop unbind {vf}")


async def test_more_vectors_than_there_are(machine: Machine, need: Need) -> None:
    (vf,) = await set_vfs(machine, need("clever_pf"), 1)
    operating = Operating(machine)
    with pytest.raises(Refused, match="for all its VFs"):
        await operating.do("msix", vf=vf, count=5000)
    end = (await operating.do("msix", vf=vf, count=1000))[-1]
    assert end.state is RunState.FAILED
    assert "than one VF can have (EOVERFLOW)" in end.text


async def test_the_mode_of_the_switch_and_back(machine: Machine, need: Need) -> None:
    pf = need("clever_pf")
    await set_vfs(machine, pf, 2)
    operating = Operating(machine)
    plan = await operating.plan("eswitch", pf=pf, mode="switchdev")
    assert plan.steps[0].shell == f"devlink dev eswitch set pci/{pf} mode switchdev"
    assert (await operating.confirm(plan))[-1].state is RunState.DONE
    assert await eswitch(machine, f"pci/{pf}") == "switchdev"
    assert (await operating.plan("eswitch", pf=pf, mode="switchdev")).steps == ()
    assert (await operating.undo(plan))[-1].state is RunState.DONE
    assert await eswitch(machine, f"pci/{pf}") == "legacy"


async def test_the_mode_never_changes_under_a_guest(machine: Machine, need: Need) -> None:
    pf = need("clever_pf")
    vf, _ = await set_vfs(machine, pf, 2)
    await to_vfio(machine, vf)
    holder = await machine.hold(vf)
    with pytest.raises(Refused, match="held by"):
        await Operating(machine).do("eswitch", pf=pf, mode="switchdev")
    await machine.release(holder)


async def test_a_function_is_made_migratable_before_its_driver_looks(machine: Machine, need: Need) -> None:
    pf = need("clever_pf")
    vf, other = await set_vfs(machine, pf, 2)
    operating = Operating(machine)
    with pytest.raises(Refused, match="in legacy mode VFs have no ports"):
        await operating.plan("port", vf=vf, migratable=True)
    await operating.do("eswitch", pf=pf, mode="switchdev")
    plan = await operating.plan("port", vf=vf, migratable=True, hw_addr="02:00:00:00:00:61")
    assert [step.text for step in plan.steps] == ["set hw_addr to 02:00:00:00:00:61", "set migratable to on"]
    assert (await operating.confirm(plan))[-1].state is RunState.DONE
    found = {port.vf: port.function for port in await ports(machine, f"pci/{pf}")}
    assert (found[0].migratable, found[0].hw_addr, found[1].migratable) == (True, "02:00:00:00:00:61", False)
    assert (await operating.undo(plan))[-1].state is RunState.DONE
    await to_vfio(machine, other)
    plan = await operating.plan("port", vf=other, migratable=True)
    assert [condition.text for condition in plan.broken] == [f"{other} has no driver"]


async def test_what_a_port_does_not_have_is_said_before(machine: Machine, need: Need) -> None:
    pf = need("clever_pf")
    (vf,) = await set_vfs(machine, pf, 1)
    operating = Operating(machine)
    await operating.do("eswitch", pf=pf, mode="switchdev")
    with pytest.raises(Refused, match="has state"):
        await operating.do("port", vf=vf, state="active")
    with pytest.raises(Refused, match="multicast"):
        await operating.do("port", vf=vf, hw_addr="03:00:00:00:00:61")


async def test_policy_that_the_representor_rules(machine: Machine, need: Need) -> None:
    pf = need("clever_pf")
    (vf,) = await set_vfs(machine, pf, 1)
    operating = Operating(machine)
    await operating.do("eswitch", pf=pf, mode="switchdev")
    with pytest.raises(Refused, match="not in switchdev mode"):
        await operating.do("vf set", vf=vf, vlan=5)
    assert (await operating.do("vf set", vf=vf, mac="02:00:00:00:00:71"))[-1].state is RunState.DONE
