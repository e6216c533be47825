"""Mediated devices (drivers/vfio/mdev, samples/vfio-mdev)."""

from __future__ import annotations

import os
from collections.abc import Callable

import pytest

from tests.conformance.machine import MDEV, PCI, Machine, driver_of, group_of, plain, write

Need = Callable[[str], str]
ONE = "11111111-2222-4333-8444-000000000001"
TWO = "11111111-2222-4333-8444-000000000002"


def create(parent: str, kind: str) -> str:
    return f"{parent}/mdev_supported_types/{kind}/create"


def available(machine: Machine, parent: str, kind: str) -> int:
    return int(plain(machine, f"{parent}/mdev_supported_types/{kind}/available_instances"))


async def test_create_and_remove(machine: Machine, need: Need) -> None:
    parent = need("mtty")
    before = available(machine, parent, "mtty-1")
    assert await write(machine, create(parent, "mtty-1"), ONE) == "OK"
    files = machine.doors.files
    assert ONE in files.list(MDEV)
    assert os.path.basename(files.readlink(f"{MDEV}/{ONE}/mdev_type")) == "mtty-1"
    assert driver_of(machine, ONE, MDEV) == "mtty"
    assert files.list(f"{parent}/mdev_supported_types/mtty-1/devices") == [ONE]
    assert available(machine, parent, "mtty-1") == before - 1
    group = group_of(machine, ONE, MDEV)
    assert plain(machine, f"/sys/kernel/iommu_groups/{group}/name") == "vfio-noiommu"
    assert plain(machine, f"/sys/kernel/iommu_groups/{group}/type") == "unknown"
    assert group in files.list("/dev/vfio")
    assert await write(machine, f"{MDEV}/{ONE}/remove", "1") == "OK"
    assert ONE not in files.list(MDEV)
    assert available(machine, parent, "mtty-1") == before
    assert group not in files.list("/dev/vfio")


@pytest.mark.parametrize(
    "text", ["", "x", ONE[:-1], ONE + "0", ONE.replace("-", "_"), "g" + ONE[1:], "{" + ONE[1:-1] + "}"]
)
async def test_what_is_no_uuid(machine: Machine, need: Need, text: str) -> None:
    assert await write(machine, create(need("mtty"), "mtty-1"), text) == "EINVAL"


async def test_a_uuid_is_taken_once_on_the_whole_host(machine: Machine, need: Need) -> None:
    assert await write(machine, create(need("mtty"), "mtty-1"), ONE) == "OK"
    assert await write(machine, create(need("mtty"), "mtty-2"), ONE) == "EEXIST"
    assert await write(machine, create(need("mdpy"), "mdpy-vga"), ONE) == "EEXIST"


async def test_types_share_one_pool(machine: Machine, need: Need) -> None:
    parent = need("mtty")
    single, dual = available(machine, parent, "mtty-1"), available(machine, parent, "mtty-2")
    assert await write(machine, create(parent, "mtty-2"), ONE) == "OK"
    assert available(machine, parent, "mtty-1") == single - 2
    assert available(machine, parent, "mtty-2") == dual - 1
    assert await write(machine, create(parent, "mtty-1"), TWO) == "OK"
    assert available(machine, parent, "mtty-2") == dual - 2


async def fill(machine: Machine, parent: str, kind: str) -> str:
    for number in range(available(machine, parent, kind)):
        assert await write(machine, create(parent, kind), f"11111111-2222-4333-9444-{number:012x}") == "OK"
    return await write(machine, create(parent, kind), ONE)


async def test_full_by_the_drivers_own_count(machine: Machine, need: Need) -> None:
    assert await fill(machine, need("mtty"), "mtty-1") == "ENOSPC"
    assert ONE not in machine.doors.files.list(MDEV)


async def test_full_by_the_core_count(machine: Machine, need: Need) -> None:
    assert await fill(machine, need("mdpy"), "mdpy-vga") == "EUSERS"
    assert available(machine, need("mdpy"), "mdpy-hd") == 0


@pytest.mark.parametrize(("text", "result"), [("0", "OK"), ("x", "EINVAL"), ("", "EINVAL")])
async def test_remove_wants_a_number_other_than_zero(machine: Machine, need: Need, text: str, result: str) -> None:
    assert await write(machine, create(need("mtty"), "mtty-1"), ONE) == "OK"
    assert await write(machine, f"{MDEV}/{ONE}/remove", text) == result
    assert ONE in machine.doors.files.list(MDEV)


async def test_a_held_mdev_is_removed_when_it_is_let_go(machine: Machine, need: Need) -> None:
    parent = need("mtty")
    assert await write(machine, create(parent, "mtty-1"), ONE) == "OK"
    full = available(machine, parent, "mtty-1")
    holder = await machine.hold(ONE)
    assert await write(machine, f"{MDEV}/{ONE}/remove", "1", deadline=2.0) == "WAITING"
    # It has left its bus at once, as seen on 6.12; what it took from its parent is still taken.
    assert ONE not in machine.doors.files.list(MDEV)
    assert available(machine, parent, "mtty-1") == full
    # Its remove file is gone: a second attempt finds nothing to write to.
    again = await write(machine, f"{MDEV}/{ONE}/remove", "1", doors=machine.elsewhere())
    assert again in ("ENOENT", "ENODEV", "EAGAIN")
    await machine.release(holder)
    assert ONE not in machine.doors.files.list(MDEV)
    assert available(machine, parent, "mtty-1") == full + 1


async def test_an_mdev_that_nobody_holds_has_no_driver_lock(machine: Machine, need: Need) -> None:
    assert await write(machine, create(need("mtty"), "mtty-1"), ONE) == "OK"
    assert plain(machine, f"{MDEV}/{ONE}/uevent") == "DRIVER=mtty"
    assert ONE not in machine.doors.files.list(PCI)
