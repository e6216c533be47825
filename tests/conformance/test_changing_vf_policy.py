"""VF policy as an operation: one step for each setting, read back, taken back."""

from __future__ import annotations

from typing import Any

import pytest

from backend.model.links import TxRate, VfInfo, Vlan
from backend.model.plan import Danger, RunState
from backend.ops.errors import Changed, NoSuchDevice, Refused
from tests.conformance.machine import PCI, Machine, set_vfs, to_vfio, write
from tests.conformance.operating import Operating
from tests.conformance.test_links import set_vf, table

MAC = "02:00:00:00:00:51"


def interface_of(machine: Machine) -> str:
    return machine.doors.files.list(f"{PCI}/{machine.pf}/net")[0]


async def info(machine: Machine, index: int) -> VfInfo:
    return (await table(machine, interface_of(machine))).vfs[index]


async def test_what_is_asked_for_is_so_and_undo_brings_back_what_was(machine: Machine) -> None:
    _, vf = await set_vfs(machine, machine.pf, 2)
    before = await info(machine, 1)
    operating = Operating(machine)
    plan = await operating.plan("vf set", vf=vf, mac=MAC, vlan=100, qos=3, trust=True, spoofcheck=False)
    interface = interface_of(machine)
    assert [(step.where, step.shell) for step in plan.steps] == [
        (f"netlink {interface} vf 1 {name}", f"ip link set dev {interface} vf 1 {words}")
        for name, words in (
            ("mac", f"mac {MAC}"),
            ("vlan", "vlan 100 qos 3 proto 802.1Q"),
            ("spoofcheck", "spoofchk off"),
            ("trust", "trust on"),
        )
    ]
    assert (plan.ready, plan.danger) == (True, Danger.REVERSIBLE)
    events = await operating.confirm(plan)
    assert events[-1].state is RunState.DONE, events
    after = await info(machine, 1)
    assert (after.mac, after.vlan, after.trust, after.spoofcheck) == (MAC, Vlan(100, 3), True, False)
    assert (await info(machine, 0)).mac != MAC
    assert (await operating.undo(plan))[-1].state is RunState.DONE
    assert await info(machine, 1) == before


async def test_what_is_so_already_is_left_alone(machine: Machine) -> None:
    (vf,) = await set_vfs(machine, machine.pf, 1)
    operating = Operating(machine)
    await operating.do("vf set", vf=vf, vlan=100, trust=True)
    plan = await operating.plan("vf set", vf=vf, vlan=100, trust=True, spoofcheck=True)
    assert (plan.steps, plan.undo) == ((), ())
    assert [step.new for step in (await operating.plan("vf set", vf=vf, qos=2)).steps] == ["100 qos 2"]
    without = await operating.plan("vf set", vf=vf, vlan=0)
    assert ([step.new for step in without.steps], without.consequences) == (["none"], ())


@pytest.mark.parametrize(
    ("wanted", "said"),
    [
        ({"mac": "03:00:00:00:00:51"}, "multicast"),
        ({"vlan": 4096}, "0 to 4095"),
        ({"vlan": 5, "qos": 8}, "0 to 7"),
        ({"vlan": 0, "qos": 1}, "belongs to a VLAN"),
        ({"rate": 100, "min_rate": 200}, "above the highest"),
        ({"rate": -1}, "a number of Mbit/s"),
    ],
)
async def test_nonsense_is_refused_before_anything_is_done(machine: Machine, wanted: dict[str, Any], said: str) -> None:
    (vf,) = await set_vfs(machine, machine.pf, 1)
    before = await info(machine, 0)
    operating = Operating(machine)
    plan = await operating.plan("vf set", vf=vf, trust=True, **wanted)
    with pytest.raises(Refused, match=said):
        await operating.confirm(plan)
    assert await info(machine, 0) == before


async def test_what_the_driver_refuses_is_explained_and_the_rest_stays(machine: Machine) -> None:
    (vf,) = await set_vfs(machine, machine.pf, 1)
    operating = Operating(machine)
    plan = await operating.plan("vf set", vf=vf, vlan=7, link="disable")
    end = (await operating.confirm(plan))[-1]
    assert (end.state, end.step) == (RunState.FAILED, 1)
    assert "the driver of the PF cannot set the link of a VF (EOPNOTSUPP)" in end.text
    assert end.remedy
    assert (await info(machine, 0)).vlan == Vlan(7)
    assert (await operating.undo(plan))[-1].state is RunState.DONE
    assert (await info(machine, 0)).vlan == Vlan()


@pytest.mark.parametrize(
    ("wanted", "said"),
    [
        ({"proto": "802.1ad", "vlan": 7}, "802.1Q tags only (EPROTONOSUPPORT)"),
        ({"rate": 1000, "min_rate": 10}, "does not take these rates (EINVAL)"),
    ],
)
async def test_each_refusal_has_its_own_words(machine: Machine, wanted: dict[str, Any], said: str) -> None:
    (vf,) = await set_vfs(machine, machine.pf, 1)
    end = (await Operating(machine).do("vf set", vf=vf, **wanted))[-1]
    assert end.state is RunState.FAILED
    assert said in end.text


async def test_a_limit_of_the_rate(machine: Machine) -> None:
    (vf,) = await set_vfs(machine, machine.pf, 1)
    await machine.bring_up(interface_of(machine))
    operating = Operating(machine)
    plan = await operating.plan("vf set", vf=vf, rate=500)
    assert (await operating.confirm(plan))[-1].state is RunState.DONE
    assert (await info(machine, 0)).rate == TxRate(0, 500)
    await operating.undo(plan)
    assert (await info(machine, 0)).rate == TxRate()


async def test_somebody_elses_change_in_between_is_not_overwritten(machine: Machine) -> None:
    (vf,) = await set_vfs(machine, machine.pf, 1)
    operating = Operating(machine)
    plan = await operating.plan("vf set", vf=vf, vlan=100)
    assert await set_vf(machine, interface_of(machine), machine.pf, 0, "vlan", Vlan(200)) == "OK"
    with pytest.raises(Changed, match="changed since you looked"):
        await operating.confirm(plan)
    assert (await info(machine, 0)).vlan == Vlan(200)


async def test_a_held_vf_is_set_and_its_holder_named(machine: Machine) -> None:
    (vf,) = await set_vfs(machine, machine.pf, 1)
    await to_vfio(machine, vf)
    holder = await machine.hold(vf)
    operating = Operating(machine)
    plan = await operating.plan("vf set", vf=vf, vlan=100)
    assert plan.danger is Danger.DISRUPTIVE
    assert any("pid " in text and "its traffic changes at once" in text for text in plan.consequences)
    assert (await operating.confirm(plan))[-1].state is RunState.DONE
    assert (await info(machine, 0)).vlan == Vlan(100)
    await machine.release(holder)


async def test_only_a_vf_has_policy(machine: Machine) -> None:
    operating = Operating(machine)
    with pytest.raises(Refused, match="is no VF"):
        await operating.plan("vf set", vf=machine.pf, vlan=1)
    with pytest.raises(NoSuchDevice):
        await operating.plan("vf set", vf="0000:ff:1f.7", vlan=1)


async def test_without_the_driver_of_the_pf_there_is_no_policy(machine: Machine) -> None:
    pf = machine.other_pf
    await to_vfio(machine, pf)
    assert await write(machine, "/sys/module/vfio_pci/parameters/enable_sriov", "1") == "OK"
    (vf,) = await set_vfs(machine, pf, 1)
    with pytest.raises(Refused, match="has no network interface"):
        await Operating(machine).plan("vf set", vf=vf, vlan=1)


async def test_a_driver_that_shares_out_no_vectors(machine: Machine) -> None:
    (vf,) = await set_vfs(machine, machine.pf, 1)
    operating = Operating(machine)
    plan = await operating.plan("msix", vf=vf, count=2)
    assert [step.old for step in plan.steps] == ["3"]
    with pytest.raises(Refused, match="does not manage those of its VFs"):
        await operating.confirm(plan)


async def test_no_devlink_no_port(machine: Machine) -> None:
    (vf,) = await set_vfs(machine, machine.pf, 1)
    operating = Operating(machine)
    with pytest.raises(Refused, match="has no devlink port"):
        await operating.plan("port", vf=vf, migratable=True)
    with pytest.raises(Refused, match="has no switch to set"):
        await operating.plan("eswitch", pf=machine.pf, mode="switchdev")
