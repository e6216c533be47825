"""What can leave a host, and how."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from backend.cli.snapshot import take
from backend.migration.arranging import Place, arrange
from backend.migration.comparison import HERE
from backend.migration.evacuation import leavers, plan_evacuation
from backend.migration.planning import plan_leaving
from backend.model.job import Move
from backend.model.migration import Strategy
from backend.simhost import open_simulated
from backend.simhost.load import read
from backend.simhost.open import open_scenario


@pytest.fixture
def here() -> Iterator[Place]:
    doors = open_simulated("duo")
    yield doors, take(doors)
    doors.close()


async def test_a_function_is_promised_once(here: Place) -> None:
    vm = next(vm for vm in leavers(here[1]) if vm.name == "web-2")
    wished = Move(vm.name, vm.monitors[0], HERE, vm.pid, vm.uid)
    first = await arrange(here, vm, here, wished)
    assert (len(first.takes), first.hindrances) == (1, ())
    assert first.move.parents == ("0000:c1:00.0",)
    assert first.move.memory == vm.memory
    second = await arrange(here, vm, here, wished, taken=first.takes)
    assert not first.takes & second.takes
    assert second.takes or "there is no free function" in second.hindrances[0].cause


async def test_the_largest_go_first_and_those_that_wait_for_others_stay(here: Place) -> None:
    found = leavers(here[1])
    assert [vm.memory for vm in found] == sorted((vm.memory for vm in found), key=lambda size: -(size or 0))
    assert not any(vm.incoming for vm in found)


def test_a_host_without_vms() -> None:
    doors = open_scenario(read(Path("tests/conformance/simulated.toml")), "alone")
    assert leavers(take(doors)) == []
    doors.close()


async def test_who_cannot_go_breaks_the_plan_unless_the_others_shall(here: Place) -> None:
    found = await plan_evacuation(here, here, leavers(here[1]), Move("", "", "", evacuation="e"))
    moves = [one.move for one in found if one.move is not None]
    assert {move.evacuation for move in moves} == {"e"}
    all_or_nothing = plan_leaving(found, those_that_can=False)
    assert len(all_or_nothing.broken) == len(found) - len(moves) > 0
    some = plan_leaving(found, those_that_can=True)
    assert some.ready
    assert len([words for words in some.consequences if " stays: " in words]) == len(found) - len(moves)


async def test_a_strategy_for_all_is_taken_for_all(here: Place) -> None:
    vms = [vm for vm in leavers(here[1]) if vm.monitors]
    found = await plan_evacuation(here, here, vms, Move("", "", ""), Strategy.FAILOVER)
    assert [one.move for one in found] == [None] * len(vms)


async def test_vms_of_libvirt_and_others_do_not_go_the_same_way(here: Place) -> None:
    vms = leavers(here[1])
    theirs = Move("", "", "qemu+tcp://hv08/system", libvirt="qemu:///system")
    causes = {one.vm.name: one.reasons[0].cause for one in await plan_evacuation(here, here, vms, theirs)}
    assert causes["web-2"] == "no libvirt has it"
    assert causes["cache-1"] == "it belongs to libvirt, which a simulated host is without"
    causes = {
        one.vm.name: one.reasons[0].cause
        for one in await plan_evacuation(here, here, vms, Move("", "", ""))
        if one.reasons
    }
    assert causes["cache-1"] == "it belongs to libvirt"
