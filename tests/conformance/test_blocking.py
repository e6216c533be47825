"""Writes that wait until the last user lets go, and what else waits meanwhile."""

from __future__ import annotations

import pytest

from backend.host.doors import StillWaiting
from tests.conformance.machine import (
    PCI,
    Machine,
    driver_of,
    plain,
    read,
    set_vfs,
    to_vfio,
    virtual_functions,
    write,
)


async def held_vf(machine: Machine, way: str = "group") -> tuple[str, object]:
    vf = (await set_vfs(machine, machine.pf, 3))[0]
    await to_vfio(machine, vf)
    return vf, await machine.hold(vf, way)


@pytest.fixture(params=["group", "cdev"])
def way(request: pytest.FixtureRequest, machine: Machine) -> str:
    """How the device is held."""
    if request.param not in machine.ways:
        pytest.skip(f"this machine has no way to hold a device by {request.param}")
    return str(request.param)


async def test_unbind_of_an_open_device(machine: Machine, way: str) -> None:
    vf, holder = await held_vf(machine, way)
    assert await write(machine, "/sys/bus/pci/drivers/vfio-pci/unbind", vf, deadline=3.0) == "WAITING"
    # The link goes first; uevent knows better.
    assert driver_of(machine, vf) == ""
    assert plain(machine, f"{PCI}/{vf}/uevent").startswith("DRIVER=vfio-pci\n")
    # The PF is not concerned.
    assert await read(machine, f"{PCI}/{machine.pf}/sriov_numvfs") == "3"
    await machine.release(holder)
    assert plain(machine, f"{PCI}/{vf}/uevent").startswith("PCI_CLASS=")
    assert "vfio-dev" not in machine.doors.files.list(f"{PCI}/{vf}")


async def test_no_vfs_while_one_is_open(machine: Machine, way: str) -> None:
    vf, holder = await held_vf(machine, way)
    numvfs = f"{PCI}/{machine.pf}/sriov_numvfs"
    assert await write(machine, numvfs, "0", deadline=3.0) == "WAITING"
    # The VF is still there, its link from the PF is not.
    assert vf in machine.doors.files.list(PCI)
    assert vf not in virtual_functions(machine, machine.pf)
    assert "physfn" not in machine.doors.files.list(f"{PCI}/{vf}")
    # Reading the number waits as well; links and other attributes do not.
    assert await read(machine, numvfs, deadline=2.0) == "WAITING"
    assert await read(machine, f"{PCI}/{machine.pf}/sriov_vf_total_msix", deadline=2.0) == "WAITING"
    assert plain(machine, f"{PCI}/{machine.pf}/driver_override") == "(null)"
    assert plain(machine, f"{PCI}/{machine.pf}/uevent").startswith(f"DRIVER={machine.pf_driver}\n")
    assert plain(machine, f"{PCI}/{machine.pf}/sriov_totalvfs")
    await machine.release(holder)
    assert await read(machine, numvfs) == "0"
    assert virtual_functions(machine, machine.pf) == []
    assert vf not in machine.doors.files.list(PCI)


async def test_a_second_write_comes_after_the_first(machine: Machine) -> None:
    _, holder = await held_vf(machine)
    numvfs = f"{PCI}/{machine.pf}/sriov_numvfs"
    assert await write(machine, numvfs, "0", deadline=2.0) == "WAITING"
    assert await write(machine, numvfs, "2", deadline=2.0, doors=machine.elsewhere()) == "WAITING"
    # What is wrong by itself is told at once.
    assert await write(machine, numvfs, "60000", doors=machine.elsewhere()) == "ERANGE"
    await machine.release(holder)
    assert await read(machine, numvfs) == "2"
    assert len(virtual_functions(machine, machine.pf)) == 2


async def test_unbind_of_the_pf_waits_for_a_vf(machine: Machine) -> None:
    _vf, holder = await held_vf(machine)
    assert await write(machine, f"{PCI}/{machine.pf}/driver/unbind", machine.pf, deadline=3.0) == "WAITING"
    await machine.release(holder)
    assert await read(machine, f"{PCI}/{machine.pf}/sriov_numvfs") == "0"
    assert driver_of(machine, machine.pf) == ""


async def test_the_wait_says_where_it_waits(machine: Machine) -> None:
    vf, holder = await held_vf(machine)
    path = "/sys/bus/pci/drivers/vfio-pci/unbind"
    with pytest.raises(StillWaiting) as raised:
        await machine.run(machine.doors.guarded.write(path, vf.encode(), deadline=1.5))
    waiting = raised.value
    assert waiting.path == path
    assert waiting.waited >= 1.5
    assert waiting.wchan in ("", "vfio_unregister_group_dev")
    await machine.release(holder)


async def test_a_freed_vf_can_be_used_again(machine: Machine) -> None:
    vf, holder = await held_vf(machine)
    assert await write(machine, "/sys/bus/pci/drivers/vfio-pci/unbind", vf, deadline=2.0) == "WAITING"
    await machine.release(holder)
    assert await write(machine, "/sys/bus/pci/drivers_probe", vf) == "OK"
    assert driver_of(machine, vf) == "vfio-pci"
    await machine.release(await machine.hold(vf))


async def test_no_new_user_while_it_is_withdrawn(machine: Machine) -> None:
    vf, holder = await held_vf(machine)
    assert await write(machine, "/sys/bus/pci/drivers/vfio-pci/unbind", vf, deadline=2.0) == "WAITING"
    with pytest.raises(OSError, match=r"No such|busy|denied"):
        await machine.hold(vf)
    await machine.release(holder)


async def test_whoever_binds_meanwhile_waits_too(machine: Machine) -> None:
    vf, holder = await held_vf(machine)
    assert await write(machine, "/sys/bus/pci/drivers/vfio-pci/unbind", vf, deadline=2.0) == "WAITING"
    assert await write(machine, "/sys/bus/pci/drivers/vfio-pci/bind", vf, deadline=2.0) == "WAITING"
    await machine.release(holder)
    assert driver_of(machine, vf) == "vfio-pci"
