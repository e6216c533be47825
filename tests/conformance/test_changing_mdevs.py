"""mdevs as operations: made, removed, known to mdevctl."""

from __future__ import annotations

import json
import os
from collections.abc import Callable

import pytest

from backend.model.plan import RunState
from backend.ops.errors import NoSuchDevice, Refused
from tests.conformance.machine import MDEV, Machine, plain, write
from tests.conformance.operating import Operating

Need = Callable[[str], str]
ONE = "11111111-2222-4333-8444-000000000011"
TWO = "11111111-2222-4333-8444-000000000012"


def left(machine: Machine, parent: str, kind: str) -> int:
    return int(plain(machine, f"{parent}/mdev_supported_types/{kind}/available_instances"))


def definition(machine: Machine, uuid: str) -> object:
    return json.loads(machine.doors.files.read(f"/etc/mdevctl.d/mtty/{uuid}"))


async def test_made_by_count_and_taken_back(machine: Machine, need: Need) -> None:
    parent = need("mtty")
    before = left(machine, parent, "mtty-1")
    operating = Operating(machine)
    plan = await operating.plan("mdev create", parent="mtty", type="mtty-1", uuids=[ONE], count=3)
    (request,) = plan.asked
    names = request.arguments["uuids"]
    assert names[0] == ONE
    assert len(set(names)) == 3
    assert any("mtty-2" in text for text in plan.consequences)
    assert (await operating.confirm(plan))[-1].state is RunState.DONE
    assert set(names) <= set(machine.doors.files.list(MDEV))
    assert left(machine, parent, "mtty-1") == before - 3
    assert (await operating.plan_all(plan.asked)).steps == ()
    assert (await operating.undo(plan))[-1].state is RunState.DONE
    assert not set(names) & set(machine.doors.files.list(MDEV))


async def test_what_other_types_took_is_not_there(machine: Machine, need: Need) -> None:
    parent = need("mtty")
    room = left(machine, parent, "mtty-2")
    assert await write(machine, f"{parent}/mdev_supported_types/mtty-1/create", ONE) == "OK"
    plan = await Operating(machine).plan("mdev create", parent="mtty", type="mtty-2", count=room)
    (broken,) = plan.broken
    assert broken.found == f"it has room for {room - 1}"


async def test_a_uuid_is_not_taken_from_another(machine: Machine, need: Need) -> None:
    parent = need("mtty")
    assert await write(machine, f"{parent}/mdev_supported_types/mtty-1/create", ONE) == "OK"
    operating = Operating(machine)
    with pytest.raises(Refused, match="is a mtty-1 of mtty already"):
        await operating.plan("mdev create", parent="mtty", type="mtty-2", uuids=[ONE])
    with pytest.raises(Refused, match="offers no type"):
        await operating.plan("mdev create", parent="mtty", type="mtty-9")
    with pytest.raises(NoSuchDevice, match="offers no mdevs"):
        await operating.plan("mdev create", parent="nobody", type="mtty-1")


async def test_a_held_mdev_stays_and_its_holder_is_named(machine: Machine, need: Need) -> None:
    parent = need("mtty")
    assert await write(machine, f"{parent}/mdev_supported_types/mtty-1/create", ONE) == "OK"
    holder = await machine.hold(ONE)
    operating = Operating(machine)
    plan = await operating.plan("mdev remove", uuids=[ONE])
    (broken,) = plan.broken
    assert broken.text == f"nobody holds {ONE}"
    assert "pid " in broken.found
    with pytest.raises(Refused, match="held by"):
        await operating.confirm(plan)
    assert ONE in machine.doors.files.list(MDEV)
    await machine.release(holder)
    again = await operating.plan("mdev remove", uuids=[ONE])
    assert (await operating.confirm(again))[-1].state is RunState.DONE
    assert (await operating.undo(again))[-1].state is RunState.DONE
    assert os.path.basename(machine.doors.files.readlink(f"{MDEV}/{ONE}/mdev_type")) == "mtty-1"


async def test_orphans_go_together_and_nobody_else(machine: Machine, need: Need) -> None:
    create = f"{need('mtty')}/mdev_supported_types/mtty-1/create"
    orphan, known, held = (ONE, TWO, ONE[:-1] + "9")
    for uuid in (orphan, known, held):
        assert await write(machine, create, uuid) == "OK"
    operating = Operating(machine)
    assert (await operating.do("mdev define", uuid=known))[-1].state is RunState.DONE
    holder = await machine.hold(held)
    plan = await operating.plan("mdev remove", orphans=True)
    assert [step.where for step in plan.steps] == [f"{MDEV}/{orphan}/remove"]
    assert (await operating.confirm(plan))[-1].state is RunState.DONE
    assert set(machine.doors.files.list(MDEV)) == {known, held}
    await machine.release(holder)
    assert (await operating.do("mdev undefine", uuid=known))[-1].state is RunState.DONE


async def test_known_to_mdevctl_in_its_own_words(machine: Machine, need: Need) -> None:
    assert await write(machine, f"{need('mtty')}/mdev_supported_types/mtty-2/create", ONE) == "OK"
    operating = Operating(machine)
    plan = await operating.plan("mdev define", uuid=ONE)
    assert plan.steps[0].shell == f"mdevctl define --uuid {ONE} --parent mtty --type mtty-2"
    assert (await operating.confirm(plan))[-1].state is RunState.DONE
    assert definition(machine, ONE) == {"mdev_type": "mtty-2", "start": "manual", "attrs": []}
    at_boot = await operating.plan("mdev autostart", uuid=ONE)
    assert (await operating.confirm(at_boot))[-1].state is RunState.DONE
    assert definition(machine, ONE) == {"mdev_type": "mtty-2", "start": "auto", "attrs": []}
    assert (await operating.plan("mdev autostart", uuid=ONE)).steps == ()
    assert (await operating.undo(at_boot))[-1].state is RunState.DONE
    assert definition(machine, ONE) == {"mdev_type": "mtty-2", "start": "manual", "attrs": []}
    forget = await operating.plan("mdev undefine", uuid=ONE)
    assert (await operating.confirm(forget))[-1].state is RunState.DONE
    with pytest.raises(FileNotFoundError):
        definition(machine, ONE)
    assert (await operating.undo(forget))[-1].state is RunState.DONE
    assert (await operating.undo(plan))[-1].state is RunState.DONE
    with pytest.raises(FileNotFoundError):
        definition(machine, ONE)


async def test_what_mdevctl_set_beside_is_kept(machine: Machine) -> None:
    text = json.dumps({"mdev_type": "mtty-1", "start": "manual", "attrs": [{"vendor/size": "4"}, {"name": "x"}]})
    path = f"/etc/mdevctl.d/mtty/{TWO}"
    await machine.run(machine.doors.guarded.save(path, text.encode(), mode=0o644, deadline=120.0))
    operating = Operating(machine)
    assert (await operating.do("mdev autostart", uuid=TWO))[-1].state is RunState.DONE
    assert definition(machine, TWO) == json.loads(text) | {"start": "auto"}
    forget = await operating.plan("mdev undefine", uuid=TWO)
    assert (await operating.confirm(forget))[-1].state is RunState.DONE
    assert (await operating.undo(forget))[-1].state is RunState.DONE
    assert definition(machine, TWO) == json.loads(text) | {"start": "auto"}
    await machine.run(machine.doors.guarded.delete(path, deadline=120.0))


async def test_no_attribute_leads_out_of_the_mdev(machine: Machine) -> None:
    for name in ("../../x", "/etc/passwd", "a/../b", ""):
        with pytest.raises(Refused, match="is no attribute"):
            await Operating(machine).plan(
                "mdev define", uuid=ONE, parent="mtty", type="mtty-1", attributes=[[name, "1"]]
            )


async def test_what_is_defined_nowhere(machine: Machine) -> None:
    operating = Operating(machine)
    with pytest.raises(NoSuchDevice, match="no definition"):
        await operating.plan("mdev autostart", uuid=TWO)
    with pytest.raises(NoSuchDevice, match="no definition"):
        await operating.plan("mdev undefine", uuid=TWO)
