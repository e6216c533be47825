"""What was saved is made again: through the planner, in order, once, and never over anybody's head."""

from __future__ import annotations

from pathlib import Path

import pytest

from backend.model.boot import BootState, Saved
from backend.model.plan import RunState
from backend.ops.boot.applying import Applying, Part
from backend.ops.boot.beyond import drift_beyond
from backend.ops.boot.phases import Phase
from backend.ops.boot.sight import Sight
from backend.probe.boot.file import PATH, parse
from tests.unit.ops.simulation import Simulation

PF = "0000:01:00.0"
FILE = 'version = 1\n[[pf]]\nidentity = {{ address = "{pf}" }}\n{rest}'


async def parts(simulation: Simulation, saved: Saved, **options: object) -> list[Part]:
    sight = Sight(simulation.host, saved)

    async def everything() -> list[Part]:
        return [part async for part in Applying(sight, simulation.operator, **options).parts()]  # type: ignore[arg-type]

    try:
        return await simulation.clock.run(everything())
    finally:
        sight.close()


async def state(simulation: Simulation, saved: Saved) -> BootState:
    sight = Sight(simulation.host, saved)

    async def look() -> BootState:
        await sight.look()
        return await sight.state(PATH)

    try:
        return await simulation.clock.run(look())
    finally:
        sight.close()


async def saved(simulation: Simulation) -> Saved:
    await simulation.run(await simulation.plan("boot save"))
    return parse(simulation.host.files.read(PATH).decode())


def ends(found: list[Part]) -> list[tuple[str, Phase | None, RunState | None]]:
    return [(part.name, part.phase, part.ended.state if part.ended is not None else None) for part in found]


@pytest.mark.parametrize("spec", ["bare", "lab", "vgpu", "messy", "duo:hv07"])
async def test_a_host_is_as_it_was_saved(spec: str) -> None:
    simulation = Simulation(spec)
    wanted = await saved(simulation)
    assert await parts(simulation, wanted) == []
    found = await state(simulation, wanted)
    assert (found.drift, found.lost) == ((), ())


async def test_vfs_policy_and_drivers_come_back_and_a_second_time_does_nothing() -> None:
    simulation = Simulation("bare")
    await simulation.run(await simulation.plan("vf set", vf="0000:02:10.0", vlan=30, qos=2))
    await simulation.run(await simulation.plan("vf set", vf="0000:02:10.4", mac="02:00:00:00:00:07", link="disable"))
    wanted = await saved(simulation)
    before = simulation.read("/etc/iovtop/boot.toml")
    await simulation.run(await simulation.plan("numvfs", pf=PF, count=0))
    assert [drift.text for drift in (await state(simulation, wanted)).drift] == ["number of VFs: saved 4, now 0"]
    rehearsed = await parts(simulation, wanted, rehearsal=True)
    assert [(part.phase, bool(part.later)) for part in rehearsed] == [
        (Phase.VFS, False), (Phase.SETTINGS, True), (Phase.VF_DRIVERS, True),
    ]  # fmt: skip
    assert (await state(simulation, wanted)).drift
    assert ends(await parts(simulation, wanted)) == [
        (PF, Phase.VFS, RunState.DONE), (PF, Phase.SETTINGS, RunState.DONE), (PF, Phase.VF_DRIVERS, RunState.DONE),
    ]  # fmt: skip
    assert await parts(simulation, wanted) == []
    assert (await state(simulation, wanted)).drift == ()
    assert (await simulation.plan("boot save")).steps == ()
    assert simulation.read("/etc/iovtop/boot.toml") == before
    # Nothing goes round the journal.
    assert [entry.plan.asked[0].verb for entry in simulation.journal.entries()][-3:] == ["numvfs", "vf set", "unbind"]


async def test_a_held_vf_keeps_its_pf_as_it_is_and_nothing_else() -> None:
    simulation = Simulation("lab")
    wanted = parse(
        FILE.format(pf="0000:01:00.0", rest="vfs = 2\n")
        + '[[function]]\nidentity = { address = "0000:06:02.0" }\ndriver = ""\n'
    )
    found = await parts(simulation, wanted)
    assert found[0].phase is Phase.VFS
    assert "it must be that nobody holds 0000:01:10.0; found: held by vm" in found[0].refused
    assert ends(found)[1:] == [("0000:06:02.0", Phase.DRIVER, RunState.DONE)]
    assert simulation.driver("0000:01:10.0") == "vfio-pci"


async def test_of_several_vfs_the_held_one_alone_is_refused() -> None:
    simulation = Simulation("lab")
    vfs = '[[pf.vf]]\nindex = "0,4"\ndriver = ""\n'
    found = await parts(simulation, parse(FILE.format(pf="0000:01:00.0", rest=vfs)))
    assert [part.failed for part in found] == [True, False]
    assert (simulation.driver("0000:01:10.0"), simulation.driver("0000:01:11.0")) == ("vfio-pci", "")


async def test_vfs_for_guests_are_never_a_host_drivers() -> None:
    simulation = Simulation("duo:hv07")
    pf = next(name for name in simulation.host.files.list("/sys/bus/pci/devices") if name == "0000:c1:00.0")
    rest = 'vfs = 2\n[[pf.vf]]\nindex = "0-1"\ndriver = "vfio-pci"\n'
    wanted = parse(FILE.format(pf=pf, rest=rest))
    plans = [part.plan for part in await parts(simulation, wanted, rehearsal=True) if part.plan is not None]
    assert plans
    assert plans[0].asked[0].arguments.items() >= {"count": 2, "guests": True, "driver": "vfio-pci"}.items()


async def test_protected_devices_are_changed_only_when_named() -> None:
    simulation = Simulation("duo:hv07")
    disk = "0000:01:00.0"
    wanted = parse(f'version = 1\n[[function]]\nidentity = {{ address = "{disk}" }}\ndriver = "vfio-pci"\n')
    (part,) = await parts(simulation, wanted)
    assert f"{disk} is protected: {disk} carries the root file system" in part.refused
    assert part.remedy == f"--confirm {disk} allows it"
    assert simulation.driver(disk) == "nvme"


async def test_a_card_that_is_not_there_is_told_and_the_rest_is_done() -> None:
    simulation = Simulation("bare")
    wanted = await saved(simulation)
    await simulation.run(await simulation.plan("numvfs", pf=PF, count=0))
    gone = parse('version = 1\n[[function]]\nidentity = { serial = "x", ids = "1234:5678" }\ndriver = ""\n')
    both = Saved(wanted.pf, gone.function)
    found = await parts(simulation, both)
    assert (found[0].name, found[0].refused) == ("serial x", "this host has no 1234:5678 now")
    assert [part.failed for part in found[1:]] == [False, False]


async def test_what_others_decide_is_not_touched() -> None:
    simulation = Simulation("bare")
    wanted = await saved(simulation)
    await simulation.run(await simulation.plan("numvfs", pf=PF, count=0))
    simulation.host.kernel.folder("/etc").file("sysfs.conf", f"bus/pci/devices/{PF}/sriov_numvfs = 2\n")
    assert await parts(simulation, wanted) == []
    (drift,) = (await state(simulation, wanted)).drift
    assert "sysfs.conf sets the number of VFs" in drift.claim


async def test_drift_that_no_picture_holds() -> None:
    simulation = Simulation("duo:hv07")
    wanted = parse(FILE.format(pf="0000:c1:00.0", rest='eswitch = "legacy"\n'))
    sight = Sight(simulation.host, wanted)

    async def look() -> list[str]:
        await sight.look()
        return [drift.text async for drift in drift_beyond(sight, simulation.operator)]

    found = await simulation.clock.run(look())
    sight.close()
    assert all("legacy" in text for text in found)


async def test_cards_that_changed_places_are_found(tmp_path: Path) -> None:
    simulation = Simulation("bare")
    wanted = await saved(simulation)
    entry = wanted.pf[0]
    moved = type(entry.identity)(None, entry.identity.serial, entry.identity.mac, "", entry.identity.ids)
    found = await state(simulation, Saved((type(entry)(moved, 3),)))
    assert [drift.text for drift in found.drift] == ["number of VFs: saved 3, now 4"]
