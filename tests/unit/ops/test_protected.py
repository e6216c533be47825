"""Devices that the host, its console or its operator hang on: changed only when their full id is typed."""

from __future__ import annotations

import pytest

from backend.model.plan import Danger, RunState
from backend.ops.errors import Refused
from tests.unit.ops.simulation import Simulation

ROOT_DISK = "0000:01:00.0"
UPLINK = "0000:c1:00.1"


@pytest.mark.parametrize("verb", ["unbind", "bind"])
async def test_the_disk_of_the_root_file_system(verb: str) -> None:
    simulation = Simulation("duo:hv07")
    plan = await simulation.plan(verb, device=ROOT_DISK, **({"vfio": True} if verb == "bind" else {}))
    assert plan.must_type == ROOT_DISK
    assert plan.danger is Danger.DESTRUCTIVE
    assert f"{ROOT_DISK} carries the root file system (nvme0n1p2)" in plan.consequences
    assert plan.ready
    for typed in ("", ROOT_DISK[5:], "0000:c1:00.1"):
        with pytest.raises(Refused, match="protected"):
            await simulation.run(plan, typed)
    assert simulation.driver(ROOT_DISK) == "nvme"
    assert (await simulation.run(plan, ROOT_DISK))[-1].state is RunState.DONE
    assert simulation.driver(ROOT_DISK) == ("vfio-pci" if verb == "bind" else "")


async def test_the_default_route_through_a_bridge() -> None:
    simulation = Simulation("duo:hv07")
    plan = await simulation.plan("unbind", device=UPLINK)
    assert plan.must_type == UPLINK
    assert f"{UPLINK} carries the default route (ens3f1np1)" in plan.consequences
    # Typing does not give a VM's device away: one of its VFs is in a guest.
    assert [c.text for c in plan.broken] == ["nobody holds 0000:c1:02.2"]
    with pytest.raises(Refused, match="held by vm fw-1"):
        await simulation.run(plan, UPLINK)


async def test_the_way_to_the_operators_ssh_client() -> None:
    simulation = Simulation("duo:hv07", ssh_client="192.0.2.7 51234")
    plan = await simulation.plan("unbind", device=UPLINK)
    assert f"{UPLINK} carries the SSH connection from 192.0.2.7 (ens3f1np1)" in plan.consequences


async def test_swap_and_what_is_needed_to_boot() -> None:
    simulation = Simulation("messy")
    swap = await simulation.plan("unbind", device="0000:82:00.0")
    assert "0000:82:00.0 carries swap (nvme1n1p1)" in swap.consequences
    boot = await simulation.plan("unbind", device="0000:81:00.0")
    assert "0000:81:00.0 carries /boot/efi (nvme0n1p1)" in boot.consequences
    assert (swap.must_type, boot.must_type) == ("0000:82:00.0", "0000:81:00.0")


async def test_the_gpu_of_the_console() -> None:
    simulation = Simulation("vgpu")
    (console,) = [name for name in simulation.host.kernel.pci.functions if "boot_vga" in simulation.host.files.list(
        f"/sys/bus/pci/devices/{name}")]  # fmt: skip
    plan = await simulation.plan("unbind", device=console)
    assert plan.must_type == console
    assert f"{console} is the GPU of the console" in plan.consequences


async def test_what_is_merely_in_use_is_refused_with_a_remedy() -> None:
    plan = await Simulation("messy").plan("unbind", device="0000:07:00.0")
    (first, *_) = plan.broken
    assert first.text == "nobody holds 0000:07:00.0"
    assert "port of ovs-system" in first.found
    assert first.remedy == "take the interface out of that use first"
    assert plan.must_type == ""


async def test_changing_vfs_does_not_take_the_uplink_away() -> None:
    plan = await Simulation("bare").plan("numvfs", pf="0000:01:00.0", count=2)
    assert plan.must_type == ""


async def test_the_switch_under_the_default_route() -> None:
    plan = await Simulation("duo:hv07").plan("eswitch", pf=UPLINK, mode="switchdev")
    assert (plan.must_type, plan.danger) == (UPLINK, Danger.DESTRUCTIVE)
    assert f"{UPLINK} carries the default route (ens3f1np1)" in plan.consequences
    assert [c.text for c in plan.broken] == ["nobody holds 0000:c1:02.2"]
    same = await Simulation("duo:hv07").plan("eswitch", pf=UPLINK, mode="legacy")
    assert (same.must_type, same.steps) == ("", ())
