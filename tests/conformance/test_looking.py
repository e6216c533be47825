"""Devices that nobody holds, opened by VFIO for a moment to hear what they are."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from backend.ops.errors import NoSuchDevice, Refused
from tests.conformance.machine import Machine, set_vfs, to_vfio, write
from tests.conformance.operating import Operating

Need = Callable[[str], str]
UUID = "11111111-2222-4333-8444-000000000041"


async def test_a_function_tells_its_regions(machine: Machine) -> None:
    (vf, *_) = await set_vfs(machine, machine.pf, 1)
    await to_vfio(machine, vf)
    agent = await Operating(machine).agent()
    look = await machine.run(agent.look_at(vf))
    regions = {region.name: region for region in look.regions}
    assert (regions["BAR 0"].size, regions["BAR 0"].mappable, regions["BAR 0"].trapped) == (0x4000, True, 0)
    assert regions["BAR 3"].mappable
    assert (regions["config"].size, regions["config"].mappable) == (4096, False)
    assert regions["config"].trapped == 4096
    assert ("MSI-X", 3) in [(irq.name, irq.count) for irq in look.irqs]
    assert look.resettable
    assert look.migration is None
    assert await machine.run(agent.look_at(vf)) == look


async def test_a_sample_mdev_tells_what_it_offers_a_migration(machine: Machine, need: Need) -> None:
    assert await write(machine, f"{need('mtty')}/mdev_supported_types/mtty-2/create", UUID) == "OK"
    migration = (await machine.run((await Operating(machine).agent()).look_at(UUID))).migration
    assert migration is not None
    assert migration.features == ("stop-copy", "p2p", "pre-copy")
    assert (migration.state, migration.size, migration.dirty_tracking) == ("RUNNING", 96, True)


async def test_what_somebody_holds_or_the_host_drives_is_not_opened(machine: Machine, need: Need) -> None:
    assert await write(machine, f"{need('mtty')}/mdev_supported_types/mtty-2/create", UUID) == "OK"
    holder = await machine.hold(UUID)
    agent = await Operating(machine).agent()
    with pytest.raises(Refused, match=f"{UUID} is not opened: held by process"):
        await machine.run(agent.look_at(UUID))
    await machine.release(holder)
    with pytest.raises(Refused, match=f"is bound to {machine.pf_driver}: only a VFIO driver"):
        await machine.run(agent.look_at(machine.pf))
    with pytest.raises(NoSuchDevice):
        await machine.run(agent.look_at("../../etc"))
