"""``sriov_numvfs`` and what comes of it (drivers/pci/iov.c)."""

from __future__ import annotations

import os
from collections.abc import Callable

import pytest

from tests.conformance.machine import (
    PCI,
    Machine,
    driver_of,
    group_of,
    plain,
    read,
    rid,
    set_vfs,
    to_vfio,
    virtual_functions,
    write,
    write_raw,
)

Need = Callable[[str], str]


def numvfs(pf: str) -> str:
    return f"{PCI}/{pf}/sriov_numvfs"


@pytest.mark.parametrize("text", ["-1", "abc", "70000", "2x", " 2", "2.0", "1_0", "0x", "1 2"])
async def test_what_is_no_u16_is_invalid(machine: Machine, text: str) -> None:
    assert await write(machine, numvfs(machine.pf), text) == "EINVAL"
    assert virtual_functions(machine, machine.pf) == []


async def test_more_than_the_total_is_out_of_range(machine: Machine) -> None:
    total = int(plain(machine, f"{PCI}/{machine.pf}/sriov_totalvfs"))
    assert await write(machine, numvfs(machine.pf), str(total + 1)) == "ERANGE"
    assert await write(machine, numvfs(machine.pf), "65535") == "ERANGE"


@pytest.mark.parametrize("text", ["2", "0x2", "02", "+2"])
async def test_a_number_in_any_base(machine: Machine, text: str) -> None:
    await write(machine, f"{PCI}/{machine.pf}/sriov_drivers_autoprobe", "0")
    assert await write(machine, numvfs(machine.pf), text) == "OK"
    assert len(virtual_functions(machine, machine.pf)) == 2


async def test_an_empty_write_does_nothing(machine: Machine) -> None:
    assert await write_raw(machine, numvfs(machine.pf), b"") == "OK"
    assert await read(machine, numvfs(machine.pf)) == "0"


async def test_no_newline_is_needed(machine: Machine) -> None:
    await write(machine, f"{PCI}/{machine.pf}/sriov_drivers_autoprobe", "0")
    assert await write_raw(machine, numvfs(machine.pf), b"1") == "OK"
    assert await read(machine, numvfs(machine.pf)) == "1"


async def test_the_same_number_again_is_done_at_once(machine: Machine) -> None:
    before = await set_vfs(machine, machine.pf, 3)
    assert await write(machine, numvfs(machine.pf), "3") == "OK"
    assert virtual_functions(machine, machine.pf) == before


async def test_another_number_must_go_through_zero(machine: Machine) -> None:
    await set_vfs(machine, machine.pf, 2)
    assert await write(machine, numvfs(machine.pf), "3") == "EBUSY"
    assert await write(machine, numvfs(machine.pf), "1") == "EBUSY"
    assert await write(machine, numvfs(machine.pf), "0") == "OK"
    assert virtual_functions(machine, machine.pf) == []
    assert await write(machine, numvfs(machine.pf), "3") == "OK"


async def test_addresses_follow_offset_and_stride(machine: Machine) -> None:
    offset = int(plain(machine, f"{PCI}/{machine.pf}/sriov_offset"))
    stride = int(plain(machine, f"{PCI}/{machine.pf}/sriov_stride"))
    vfs = await set_vfs(machine, machine.pf, 4)
    assert [rid(vf) for vf in vfs] == [rid(machine.pf) + offset + stride * i for i in range(4)]
    listed = machine.doors.files.list(PCI)
    assert set(vfs) <= set(listed)


async def test_vfs_may_lie_on_the_next_bus(machine: Machine, need: Need) -> None:
    pf = need("crossing_pf")
    vfs = await set_vfs(machine, pf, 3)
    assert {rid(vf) >> 8 for vf in vfs} == {(rid(pf) >> 8) + 1}
    # They hang below the same port all the same.
    for vf in vfs:
        target = machine.doors.files.readlink(f"{PCI}/{vf}")
        assert os.path.dirname(target) == os.path.dirname(machine.doors.files.readlink(f"{PCI}/{pf}"))


async def test_no_bus_number_for_them_is_no_memory(machine: Machine, need: Need) -> None:
    pf = need("crowded_pf")
    assert await write(machine, numvfs(pf), "1") == "ENOMEM"
    assert virtual_functions(machine, pf) == []
    assert await read(machine, numvfs(pf)) == "0"


async def test_fewer_than_asked_for_is_success(machine: Machine, need: Need) -> None:
    pf = need("small_pf")
    vfs = await set_vfs(machine, pf, 4)
    assert 0 < len(vfs) < 4
    assert await read(machine, numvfs(pf)) == str(len(vfs))


async def test_each_vf_names_its_pf_and_has_a_group(machine: Machine) -> None:
    vfs = await set_vfs(machine, machine.pf, 3)
    for vf in vfs:
        assert machine.doors.files.readlink(f"{PCI}/{vf}/physfn") == f"../{machine.pf}"
        members = machine.doors.files.list(f"/sys/kernel/iommu_groups/{group_of(machine, vf)}/devices")
        assert members == [vf]
        assert plain(machine, f"{PCI}/{vf}/device") == "0x" + plain(machine, f"{PCI}/{machine.pf}/sriov_vf_device")


async def test_autoprobe_binds_the_host_driver(machine: Machine) -> None:
    vfs = await set_vfs(machine, machine.pf, 2, autoprobe=True)
    assert [driver_of(machine, vf) for vf in vfs] == [machine.vf_driver] * 2
    interfaces = [machine.doors.files.list(f"{PCI}/{vf}/net") for vf in vfs]
    assert all(len(found) == 1 for found in interfaces)
    assert {found[0] for found in interfaces} <= set(machine.doors.files.list("/sys/class/net"))


async def test_without_autoprobe_they_stay_idle(machine: Machine) -> None:
    vfs = await set_vfs(machine, machine.pf, 2)
    assert [driver_of(machine, vf) for vf in vfs] == ["", ""]
    assert [plain(machine, f"{PCI}/{vf}/enable") for vf in vfs] == ["0", "0"]


@pytest.mark.parametrize(("text", "result"), [("0", "OK"), ("y", "OK"), ("off", "OK"), ("2", "EINVAL"), ("", "EINVAL")])
async def test_autoprobe_takes_a_boolean(machine: Machine, text: str, result: str) -> None:
    assert await write(machine, f"{PCI}/{machine.pf}/sriov_drivers_autoprobe", text) == result


async def test_a_pf_without_driver_has_the_files_but_no_use_of_them(machine: Machine) -> None:
    assert await write(machine, f"{PCI}/{machine.pf}/driver/unbind", machine.pf) == "OK"
    assert await write(machine, numvfs(machine.pf), "2") == "ENOENT"
    assert plain(machine, f"{PCI}/{machine.pf}/sriov_totalvfs") != "0"
    assert await read(machine, numvfs(machine.pf)) == "0"


async def test_out_of_range_is_told_before_the_missing_driver(machine: Machine) -> None:
    assert await write(machine, f"{PCI}/{machine.pf}/driver/unbind", machine.pf) == "OK"
    assert await write(machine, numvfs(machine.pf), "60000") == "ERANGE"


async def test_a_driver_without_sriov_has_no_entry(machine: Machine) -> None:
    await to_vfio(machine, machine.pf, "pci-stub")
    assert await write(machine, numvfs(machine.pf), "2") == "ENOENT"


async def test_unbinding_the_pf_takes_its_vfs_along(machine: Machine) -> None:
    vfs = await set_vfs(machine, machine.pf, 2)
    assert await write(machine, f"{PCI}/{machine.pf}/driver/unbind", machine.pf) == "OK"
    assert not set(vfs) & set(machine.doors.files.list(PCI))
    assert await read(machine, numvfs(machine.pf)) == "0"


async def test_vfio_pci_needs_enable_sriov(machine: Machine) -> None:
    pf = machine.other_pf
    await to_vfio(machine, pf)
    assert await write(machine, numvfs(pf), "2") == "ENOENT"
    parameter = "/sys/module/vfio_pci/parameters/enable_sriov"
    assert await write(machine, parameter, "1") == "OK"
    assert plain(machine, parameter) == "Y"
    assert await write(machine, numvfs(pf), "2") == "OK"
    vfs = virtual_functions(machine, pf)
    assert [plain(machine, f"{PCI}/{vf}/driver_override") for vf in vfs] == ["vfio-pci"] * 2
    assert [driver_of(machine, vf) for vf in vfs] == ["vfio-pci"] * 2


async def test_a_captured_vf_wants_a_token(machine: Machine) -> None:
    pf = machine.other_pf
    await to_vfio(machine, pf)
    await write(machine, "/sys/module/vfio_pci/parameters/enable_sriov", "1")
    assert await write(machine, numvfs(pf), "1") == "OK"
    with pytest.raises(PermissionError):
        await machine.hold(virtual_functions(machine, pf)[0])


async def test_vfio_pci_does_not_take_a_pf_with_vfs(machine: Machine, need: Need) -> None:
    # pci-pf-stub leaves them when it goes, and then the PF cannot be given to VFIO.
    pf = need("stub_pf")
    vfs = await set_vfs(machine, pf, 2)
    assert len(vfs) == 2
    assert await write(machine, f"{PCI}/{pf}/driver/unbind", pf) == "OK"
    assert virtual_functions(machine, pf) == vfs
    await write(machine, f"{PCI}/{pf}/driver_override", "vfio-pci")
    assert await write(machine, "/sys/bus/pci/drivers/vfio-pci/bind", pf) == "EBUSY"
    assert await write(machine, numvfs(pf), "0") == "ENOENT"


@pytest.mark.parametrize(("text", "result"), [("x", "EINVAL"), ("-1", "EINVAL"), ("4", "EOPNOTSUPP")])
async def test_msix_vectors_of_a_vf(machine: Machine, text: str, result: str) -> None:
    vf = (await set_vfs(machine, machine.pf, 1))[0]
    assert await write(machine, f"{PCI}/{vf}/sriov_vf_msix_count", text) == result
