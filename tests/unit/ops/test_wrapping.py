"""Functions wrapped as mdevs by their vendor's driver, and back: seen on the simulated host only."""

from __future__ import annotations

import pytest

from backend.model.plan import RunState
from backend.ops.errors import Refused
from tests.unit.ops.simulation import Simulation

BUSY, FREE, EMPTY = "0000:81:00.4", "0000:81:00.5", "0000:81:00.6"
ORPHAN = "c73f1fa6-489e-4834-9476-d70dabd98c42"


def mdevs(simulation: Simulation) -> set[str]:
    return set(simulation.host.files.list("/sys/bus/mdev/devices"))


async def test_a_vf_whose_driver_offers_types_is_wrapped_and_unwrapped() -> None:
    simulation = Simulation("vgpu")
    before = mdevs(simulation)
    with pytest.raises(Refused, match="several types") as error:
        await simulation.plan("path", device=EMPTY, path="trap")
    assert "nvidia-593 (NVIDIA A10-4Q)" in error.value.remedy
    plan = await simulation.plan("path", device=EMPTY, path="trap", type="nvidia-593")
    assert plan.unseen
    assert (await simulation.run(plan))[-1].state is RunState.DONE
    (made,) = mdevs(simulation) - before
    assert plan.asked[0].arguments["uuid"] == made
    assert (await simulation.plan("path", device=EMPTY, path="trap")).steps == ()
    assert (await simulation.undo(plan))[-1].state is RunState.DONE
    assert mdevs(simulation) == before


async def test_from_an_mdev_to_the_whole_vf_and_back() -> None:
    simulation = Simulation("vgpu")
    plan = await simulation.plan("path", device=FREE, path="ready")
    assert plan.steps[0].where.endswith(f"{ORPHAN}/remove")
    assert (await simulation.run(plan))[-1].state is RunState.DONE
    assert simulation.driver(FREE) == "vfio-pci"
    assert ORPHAN not in mdevs(simulation)
    # Its driver tells no types now: those of its siblings can be named.
    with pytest.raises(Refused, match="several types"):
        await simulation.plan("path", device=FREE, path="trap")
    back = await simulation.plan("path", device=FREE, path="trap", type="nvidia-595", uuid=ORPHAN)
    assert (await simulation.run(back))[-1].state is RunState.DONE
    assert simulation.driver(FREE) == "nvidia"
    assert ORPHAN in mdevs(simulation)
    assert (await simulation.undo(back))[-1].state is RunState.DONE
    assert simulation.driver(FREE) == "vfio-pci"


@pytest.mark.parametrize("path", ["host", "ready"])
async def test_an_mdev_that_a_guest_has_is_not_unwrapped(path: str) -> None:
    plan = await Simulation("vgpu").plan("path", device=BUSY, path=path)
    assert not plan.ready
    assert any("held by vm vdi-7" in condition.found for condition in plan.conditions)


async def test_orphans_of_all_parents_go_as_one_plan() -> None:
    simulation = Simulation("messy")
    plan = await simulation.plan("mdev remove", orphans=True)
    assert len(plan.steps) == 2
    assert (await simulation.run(plan))[-1].state is RunState.DONE
    assert (await simulation.plan("mdev remove", orphans=True)).steps == ()
    assert (await simulation.undo(plan))[-1].state is RunState.DONE
    assert len(mdevs(simulation)) == 2


async def test_who_cannot_see_everybody_finds_no_orphans() -> None:
    with pytest.raises(Refused, match="cannot be told"):
        await Simulation("messy", privileged=False).plan("mdev remove", orphans=True)


async def test_the_variant_driver_is_chosen_by_the_hardware() -> None:
    simulation = Simulation("duo:hv07")
    plan = await simulation.plan("bind", device="0000:c1:00.7", vfio=True)
    assert plan.asked[0].arguments["driver"] == "mlx5_vfio_pci"
    assert plan.unseen
    assert (await simulation.run(plan))[-1].state is RunState.DONE
    assert simulation.driver("0000:c1:00.7") == "mlx5_vfio_pci"
    vfs = await simulation.plan("numvfs", pf="0000:c1:00.0", count=2, guests=True)
    assert vfs.asked[0].arguments["driver"] == "mlx5_vfio_pci"


async def test_a_missing_module_is_loaded_as_a_step() -> None:
    simulation = Simulation("messy")
    plan = await simulation.plan("bind", device="0000:6b:00.0", driver="xe_vfio_pci")
    assert plan.steps[0].shell == "modprobe --use-blacklist -- xe_vfio_pci"
    free = await simulation.plan("bind", device="10000:e1:00.0")
    assert (await simulation.run(free))[-1].state is RunState.DONE
    assert simulation.driver("10000:e1:00.0") == "nvme"
