"""Default domain types of IOMMU groups (drivers/iommu/iommu.c)."""

from __future__ import annotations

import os

import pytest

from tests.conformance.machine import PCI, Machine, group_of, plain, set_vfs, to_vfio, write


def type_of(machine: Machine, device: str) -> str:
    return f"/sys/kernel/iommu_groups/{group_of(machine, device)}/type"


async def test_a_bound_host_driver_forbids_it(machine: Machine) -> None:
    assert await write(machine, type_of(machine, machine.pf), "DMA") == "EPERM"


@pytest.mark.parametrize("text", ["nosuch", "dma", "unmanaged", "blocked", ""])
async def test_unknown_types(machine: Machine, text: str) -> None:
    vf = (await set_vfs(machine, machine.pf, 1))[0]
    assert await write(machine, type_of(machine, vf), text) == "EINVAL"


async def test_an_idle_group_takes_any_type(machine: Machine) -> None:
    vf = (await set_vfs(machine, machine.pf, 1))[0]
    path = type_of(machine, vf)
    for wanted in ("DMA", "identity", "DMA-FQ"):
        assert await write(machine, path, wanted) == "OK"
        assert plain(machine, path) == wanted
    assert await write(machine, path, "auto") == "OK"
    assert plain(machine, path) in ("DMA", "DMA-FQ", "identity")


async def test_bound_to_vfio_and_closed_is_idle_enough(machine: Machine) -> None:
    vf = (await set_vfs(machine, machine.pf, 1))[0]
    await to_vfio(machine, vf)
    path = type_of(machine, vf)
    assert await write(machine, path, "DMA") == "OK"
    holder = await machine.hold(vf)
    assert await write(machine, path, "identity") == "EPERM"
    assert plain(machine, path) == "DMA"
    await machine.release(holder)
    assert await write(machine, path, "identity") == "OK"


async def test_a_flush_queue_is_added_under_a_running_driver(machine: Machine) -> None:
    vf = (await set_vfs(machine, machine.pf, 1))[0]
    path = type_of(machine, vf)
    assert await write(machine, path, "DMA") == "OK"
    await to_vfio(machine, vf, machine.vf_driver)
    assert await write(machine, path, "DMA-FQ") == "OK"
    assert plain(machine, path) == "DMA-FQ"
    assert await write(machine, path, "DMA") == "EPERM"


async def test_members_link_to_the_devices(machine: Machine, sharing: tuple[str, str]) -> None:
    first, second = sharing
    group = group_of(machine, first)
    assert group == group_of(machine, second)
    members = machine.doors.files.list(f"/sys/kernel/iommu_groups/{group}/devices")
    assert {first, second} <= set(members)
    target = machine.doors.files.readlink(f"/sys/kernel/iommu_groups/{group}/devices/{first}")
    assert target.startswith("../../../../devices/pci")
    assert os.path.basename(target) == first


async def test_reserved_regions(machine: Machine) -> None:
    vf = (await set_vfs(machine, machine.pf, 1))[0]
    text = plain(machine, f"/sys/kernel/iommu_groups/{group_of(machine, vf)}/reserved_regions")
    assert text.endswith(" msi")
    assert all(len(line.split()) == 3 for line in text.splitlines())


async def test_a_group_goes_with_its_last_member(machine: Machine) -> None:
    vf = (await set_vfs(machine, machine.pf, 1))[0]
    group = group_of(machine, vf)
    assert await write(machine, f"{PCI}/{machine.pf}/sriov_numvfs", "0") == "OK"
    assert group not in machine.doors.files.list("/sys/kernel/iommu_groups")
