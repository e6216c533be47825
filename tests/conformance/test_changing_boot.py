"""What was saved for boot made again: on both hosts the same state comes back, and a second time nothing is done."""

from __future__ import annotations

from collections.abc import Callable

from backend.model.boot import Saved
from backend.model.plan import RunState
from backend.ops.boot.applying import Applying, Part
from backend.ops.boot.sight import Sight
from backend.probe.boot.file import PATH, parse
from tests.conformance.machine import Machine, virtual_functions
from tests.conformance.operating import Operating

Need = Callable[[str], str]
ONE = "11111111-2222-4333-8444-000000000021"


async def applied(machine: Machine, operating: Operating, saved: Saved) -> list[Part]:
    """Make the machine what was saved; return what was done."""
    agent = await operating.agent()
    sight = Sight(machine.doors, saved)

    async def parts() -> list[Part]:
        return [part async for part in Applying(sight, agent).parts()]

    try:
        return await machine.run(parts())
    finally:
        sight.close()


async def saved(machine: Machine, operating: Operating, *devices: str) -> Saved:
    """Save some devices, and return what the file says."""
    plan = await operating.plan("boot save", devices=list(devices))
    assert (await operating.confirm(plan))[-1].state is RunState.DONE
    return parse(machine.doors.files.read(PATH).decode())


async def test_saved_removed_and_made_again(machine: Machine, need: Need) -> None:
    pf = need("pf")
    operating = Operating(machine)
    assert (await operating.do("numvfs", pf=pf, count=2, guests=True))[-1].state is RunState.DONE
    before = virtual_functions(machine, pf)
    wanted = await saved(machine, operating, pf)
    entry = wanted.pf[0]
    assert (entry.vfs, [vf.driver for vf in entry.vf]) == (2, ["vfio-pci"])
    assert (await operating.do("numvfs", pf=pf, count=0))[-1].state is RunState.DONE
    done = await applied(machine, operating, wanted)
    assert [part.ended.state for part in done if part.ended is not None] == [RunState.DONE] * len(done)
    assert done
    assert virtual_functions(machine, pf) == before
    assert await applied(machine, operating, wanted) == []
    assert (await operating.plan("boot save", devices=[pf])).steps == ()
    assert (await operating.do("boot remove"))[-1].state is RunState.DONE
    assert (await operating.do("numvfs", pf=pf, count=0))[-1].state is RunState.DONE


async def test_an_mdev_comes_back_under_its_name(machine: Machine, need: Need) -> None:
    need("mtty")
    operating = Operating(machine)
    made = await operating.do("mdev create", parent="mtty", type="mtty-1", uuids=[ONE])
    assert made[-1].state is RunState.DONE
    wanted = await saved(machine, operating, ONE)
    assert (wanted.mdev[0].uuid, wanted.mdev[0].type, wanted.mdev[0].parent) == (ONE, "mtty-1", "mtty")
    assert (await operating.do("mdev remove", uuids=[ONE]))[-1].state is RunState.DONE
    assert [part.name for part in await applied(machine, operating, wanted)] == [ONE]
    assert await applied(machine, operating, wanted) == []
    assert (await operating.do("boot remove"))[-1].state is RunState.DONE
    assert (await operating.do("mdev remove", uuids=[ONE]))[-1].state is RunState.DONE


async def test_what_is_held_is_not_taken_away_for_what_was_saved(machine: Machine, need: Need) -> None:
    pf = need("pf")
    operating = Operating(machine)
    assert (await operating.do("numvfs", pf=pf, count=1, guests=True))[-1].state is RunState.DONE
    wanted = await saved(machine, operating, pf)
    assert (await operating.do("numvfs", pf=pf, count=2, guests=True))[-1].state is RunState.DONE
    vfs = virtual_functions(machine, pf)
    holder = await machine.hold(vfs[1])
    (part,) = await applied(machine, operating, wanted)
    assert f"it must be that nobody holds {vfs[1]}; found: held by" in part.refused
    assert virtual_functions(machine, pf) == vfs
    await machine.release(holder)
    assert (await operating.do("boot remove"))[-1].state is RunState.DONE
    assert (await operating.do("numvfs", pf=pf, count=0))[-1].state is RunState.DONE
