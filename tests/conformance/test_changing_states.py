"""States of mdevs: kept in a file, and given to another mdev of the same type."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from backend.model.plan import RunState
from backend.model.statefile import HEADER
from backend.ops.devstates import state_path
from backend.ops.errors import NoSuchDevice, Refused
from tests.conformance.machine import Machine, write
from tests.conformance.operating import Operating

Need = Callable[[str], str]
ONE, TWO, OTHER = (f"11111111-2222-4333-8444-00000000002{number}" for number in (1, 2, 3))


async def made(machine: Machine, need: Need) -> Operating:
    parent = need("mtty")
    for uuid, kind in ((ONE, "mtty-2"), (TWO, "mtty-2"), (OTHER, "mtty-1")):
        assert await write(machine, f"{parent}/mdev_supported_types/{kind}/create", uuid) == "OK"
    return Operating(machine)


async def test_kept_given_to_another_and_thrown_away(machine: Machine, need: Need) -> None:
    operating = await made(machine, need)
    plan = await operating.plan("state save", device=ONE, name="first")
    assert plan.ready
    assert (await operating.confirm(plan))[-1].state is RunState.DONE
    path = state_path("first")
    assert machine.doors.files.stat(path).mode & 0o777 == 0o600
    assert (await operating.plan_all(plan.asked)).steps == ()
    again = await operating.plan("state save", device=ONE, name="first")
    assert [condition.found for condition in again.broken] == ["there is one"]
    assert (await operating.do("state restore", device=TWO, name="first"))[-1].state is RunState.DONE
    newest = await operating.plan("state restore", device=ONE)
    assert newest.asked[0].arguments["name"] == "first"
    assert (await operating.confirm(newest))[-1].state is RunState.DONE
    with pytest.raises(Refused, match=f"no state of {TWO} is kept"):
        await operating.plan("state restore", device=TWO)
    with pytest.raises(Refused, match=r"first is the state of a mtty-2 by mtty; .* is a mtty-1"):
        await operating.plan("state restore", device=OTHER, name="first")
    assert (await operating.undo(plan))[-1].state is RunState.DONE
    with pytest.raises(NoSuchDevice, match="no state is kept as first"):
        await operating.plan("state restore", device=TWO, name="first")


@pytest.mark.parametrize(
    ("damage", "words"),
    [
        (lambda whole: whole[:-1], "it has {short} bytes of state, and should have {size}"),
        (lambda whole: whole[:-1] + bytes([whole[-1] ^ 1]), "the state in it is damaged"),
    ],
    ids=["truncated", "corrupted"],
)
async def test_a_damaged_file_is_refused_before_the_device_is_touched(
    machine: Machine, need: Need, damage: Callable[[bytes], bytes], words: str
) -> None:
    operating = await made(machine, need)
    assert (await operating.do("state save", device=ONE, name="whole"))[-1].state is RunState.DONE
    whole = machine.doors.files.read(state_path("whole"), 1 << 20)
    bad = damage(whole)
    await machine.run(machine.doors.guarded.save(state_path("bad"), bad, mode=0o600, deadline=30))
    event = (await operating.do("state restore", device=TWO, name="bad"))[-1]
    assert event.state is RunState.FAILED
    size = len(whole) - HEADER
    assert f"{words.format(size=size, short=size - 1)}; the device was not touched" in event.text
    for name in ("whole", "bad"):
        assert (await operating.do("state remove", name=name))[-1].state is RunState.DONE


async def test_a_damaged_header_is_no_state(machine: Machine, need: Need) -> None:
    operating = await made(machine, need)
    await machine.run(machine.doors.guarded.save(state_path("junk"), b"junk" * 2000, mode=0o600, deadline=30))
    with pytest.raises(Refused, match="junk cannot be used: it is no state of a device"):
        await operating.plan("state restore", device=TWO, name="junk")
    assert (await operating.do("state remove", name="junk"))[-1].state is RunState.DONE


async def test_a_held_mdev_is_neither_saved_nor_overwritten(machine: Machine, need: Need) -> None:
    operating = await made(machine, need)
    assert (await operating.do("state save", device=TWO, name="free"))[-1].state is RunState.DONE
    holder = await machine.hold(ONE)
    for plan in (
        await operating.plan("state save", device=ONE, name="held"),
        await operating.plan("state restore", device=ONE, name="free"),
    ):
        (broken,) = plan.broken
        assert broken.text == f"nobody holds {ONE}"
        with pytest.raises(Refused, match="held by"):
            await operating.confirm(plan)
    await machine.release(holder)
    assert (await operating.do("state remove", name="free"))[-1].state is RunState.DONE


async def test_a_function_keeps_no_state_beyond_its_user(machine: Machine) -> None:
    with pytest.raises(Refused, match="is reset whenever VFIO opens or closes it"):
        await Operating(machine).plan("state save", device=machine.pf)
