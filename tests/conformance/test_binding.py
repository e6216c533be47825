"""Binding drivers (drivers/base/bus.c, drivers/pci/pci-driver.c)."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from tests.conformance.machine import (
    DRIVERS,
    PCI,
    Machine,
    driver_of,
    group_of,
    plain,
    set_vfs,
    to_vfio,
    write,
    write_raw,
)

Need = Callable[[str], str]
PROBE = "/sys/bus/pci/drivers_probe"


async def test_unbind_of_what_is_not_bound_there(machine: Machine) -> None:
    vf = (await set_vfs(machine, machine.pf, 1))[0]
    assert await write(machine, f"{DRIVERS}/{machine.vf_driver}/unbind", vf) == "ENODEV"
    assert await write(machine, f"{DRIVERS}/vfio-pci/unbind", machine.pf) == "ENODEV"
    assert driver_of(machine, machine.pf) == machine.pf_driver


async def test_bind_of_what_does_not_match(machine: Machine) -> None:
    vf = (await set_vfs(machine, machine.pf, 1))[0]
    assert await write(machine, f"{DRIVERS}/vfio-pci/bind", vf) == "ENODEV"
    assert await write(machine, f"{DRIVERS}/{machine.pf_driver}/bind", vf) == "ENODEV"
    assert await write(machine, f"{DRIVERS}/vfio-pci/bind", "9999:00:00.0") == "ENODEV"
    assert await write(machine, f"{DRIVERS}/vfio-pci/bind", machine.pf) == "ENODEV"


async def test_autoprobe_off_keeps_even_a_matching_driver_away(machine: Machine) -> None:
    vf = (await set_vfs(machine, machine.pf, 1))[0]
    assert await write(machine, f"{DRIVERS}/{machine.vf_driver}/bind", vf) == "ENODEV"
    assert await write(machine, f"{PCI}/{vf}/driver_override", machine.vf_driver) == "OK"
    assert await write(machine, f"{DRIVERS}/{machine.vf_driver}/bind", vf) == "OK"
    assert driver_of(machine, vf) == machine.vf_driver


async def test_bind_of_what_the_same_driver_has_already(machine: Machine) -> None:
    assert await write(machine, f"{DRIVERS}/{machine.pf_driver}/bind", machine.pf) == "EBUSY"


async def test_bind_of_what_another_driver_has_and_the_override_denies(machine: Machine) -> None:
    vf = (await set_vfs(machine, machine.pf, 1))[0]
    await write(machine, f"{PCI}/{vf}/driver_override", machine.vf_driver)
    assert await write(machine, PROBE, vf) == "OK"
    assert await write(machine, f"{DRIVERS}/vfio-pci/bind", vf) == "ENODEV"
    assert driver_of(machine, vf) == machine.vf_driver


async def test_override_and_probe(machine: Machine) -> None:
    vf = (await set_vfs(machine, machine.pf, 1))[0]
    assert plain(machine, f"{PCI}/{vf}/driver_override") == "(null)"
    await to_vfio(machine, vf)
    assert plain(machine, f"{PCI}/{vf}/uevent").startswith("DRIVER=vfio-pci\nPCI_CLASS=")
    assert machine.doors.files.list(f"{PCI}/{vf}/vfio-dev")
    assert group_of(machine, vf) in machine.doors.files.list("/dev/vfio")
    assert vf in machine.doors.files.list(f"{DRIVERS}/vfio-pci")
    assert plain(machine, f"{PCI}/{vf}/enable") == "0"


async def test_an_unknown_override_is_silent(machine: Machine) -> None:
    vf = (await set_vfs(machine, machine.pf, 1))[0]
    assert await write(machine, f"{PCI}/{vf}/driver_override", "nosuchdriver") == "OK"
    assert await write(machine, PROBE, vf) == "OK"
    assert driver_of(machine, vf) == ""
    assert await write(machine, f"{DRIVERS}/{machine.vf_driver}/bind", vf) == "ENODEV"


async def test_an_override_is_cleared_by_an_empty_line_only(machine: Machine) -> None:
    path = f"{PCI}/{machine.pf}/driver_override"
    assert await write(machine, path, "vfio-pci") == "OK"
    assert await write_raw(machine, path, b"") == "OK"
    assert plain(machine, path) == "vfio-pci"
    assert await write_raw(machine, path, b"\n") == "OK"
    assert plain(machine, path) == "(null)"
    # It takes no effect on what is bound.
    assert driver_of(machine, machine.pf) == machine.pf_driver


async def test_drivers_probe(machine: Machine) -> None:
    assert await write(machine, PROBE, "9999:00:00.0") == "ENODEV"
    assert await write(machine, PROBE, "") == "ENODEV"
    assert await write(machine, PROBE, machine.pf) == "OK"
    assert driver_of(machine, machine.pf) == machine.pf_driver


async def test_back_to_the_host_driver(machine: Machine) -> None:
    await to_vfio(machine, machine.pf)
    assert await write(machine, f"{PCI}/{machine.pf}/driver/unbind", machine.pf) == "OK"
    await write(machine, f"{PCI}/{machine.pf}/driver_override", "")
    assert await write(machine, PROBE, machine.pf) == "OK"
    assert driver_of(machine, machine.pf) == machine.pf_driver
    assert machine.doors.files.list(f"{PCI}/{machine.pf}/net")


async def test_new_id(machine: Machine) -> None:
    vf = (await set_vfs(machine, machine.pf, 1))[0]
    ids = " ".join(plain(machine, f"{PCI}/{vf}/{name}").removeprefix("0x") for name in ("vendor", "device"))
    assert await write(machine, f"{DRIVERS}/vfio-pci/new_id", "nonsense") == "EINVAL"
    assert await write(machine, f"{DRIVERS}/vfio-pci/new_id", ids) == "OK"
    assert await write(machine, f"{DRIVERS}/vfio-pci/new_id", ids) == "EEXIST"
    assert driver_of(machine, vf) == ""  # autoprobe is off, and there is no override
    assert await write(machine, f"{DRIVERS}/vfio-pci/remove_id", ids) == "OK"
    assert await write(machine, f"{DRIVERS}/vfio-pci/remove_id", ids) == "ENODEV"


async def test_new_id_grabs_what_is_idle(machine: Machine) -> None:
    assert await write(machine, f"{PCI}/{machine.pf}/driver/unbind", machine.pf) == "OK"
    ids = " ".join(plain(machine, f"{PCI}/{machine.pf}/{name}").removeprefix("0x") for name in ("vendor", "device"))
    assert await write(machine, f"{DRIVERS}/vfio-pci/new_id", ids) == "OK"
    assert driver_of(machine, machine.pf) == "vfio-pci"
    assert driver_of(machine, machine.other_pf) != "vfio-pci"


async def test_a_host_driver_cannot_join_a_group_that_vfio_holds(machine: Machine, sharing: tuple[str, str]) -> None:
    first, second = sharing
    await to_vfio(machine, first)
    assert await write(machine, f"{PCI}/{second}/driver/unbind", second) == "OK"
    holder = await machine.hold(first)
    bind = f"{DRIVERS}/{machine.sharing_driver}/bind"
    assert await write(machine, bind, second) == "EBUSY"
    assert await write(machine, PROBE, second) == "EINVAL"
    assert driver_of(machine, second) == ""
    await machine.release(holder)
    assert await write(machine, bind, second) == "OK"


async def test_a_group_with_a_host_driver_is_not_viable(machine: Machine, sharing: tuple[str, str]) -> None:
    first, second = sharing
    assert driver_of(machine, second) == machine.sharing_driver
    await to_vfio(machine, first)
    with pytest.raises(PermissionError) as raised:
        await machine.hold(first)
    assert raised.value.errno == 1
    assert await write(machine, f"{PCI}/{second}/driver/unbind", second) == "OK"
    await machine.release(await machine.hold(first))


async def test_a_group_has_one_owner(machine: Machine) -> None:
    vf = (await set_vfs(machine, machine.pf, 1))[0]
    await to_vfio(machine, vf)
    holder = await machine.hold(vf)
    assert plain(machine, f"{PCI}/{vf}/enable") == "1"
    with pytest.raises(OSError, match="busy"):
        await machine.hold(vf)
    await machine.release(holder)
    assert plain(machine, f"{PCI}/{vf}/enable") == "0"


@pytest.mark.parametrize(("text", "result"), [("1", "OK"), ("0", "EINVAL"), ("2", "EINVAL"), ("x", "EINVAL")])
async def test_reset(machine: Machine, text: str, result: str) -> None:
    assert await write(machine, f"{PCI}/{machine.pf}/reset", text) == result


async def test_reset_methods(machine: Machine) -> None:
    path = f"{PCI}/{machine.pf}/reset_method"
    default = plain(machine, path)
    assert await write(machine, path, "nosuch") == "EINVAL"
    first = default.split()[0]
    assert await write(machine, path, first) == "OK"
    assert plain(machine, path) == first
    assert await write_raw(machine, path, b"\n") == "OK"
    assert await write(machine, f"{PCI}/{machine.pf}/reset", "1") == "ENOTTY"
    assert await write(machine, path, "default") == "OK"
    assert plain(machine, path) == default


async def test_vendor_vgpu_type(machine: Machine, need: Need) -> None:
    vf = need("vgpu_vf")
    types = plain(machine, f"{PCI}/{vf}/nvidia/creatable_vgpu_types").splitlines()[1:]
    chosen = types[-1].split(":")[0].strip()
    current = f"{PCI}/{vf}/nvidia/current_vgpu_type"
    assert await write(machine, current, "1") == "EINVAL"
    assert await write(machine, current, chosen) == "OK"
    assert machine.doors.files.list(f"{PCI}/{vf}/vfio-dev")
    assert await write(machine, current, chosen) == "EBUSY"
    holder = await machine.hold(vf)
    assert await write(machine, current, "0") == "EBUSY"
    await machine.release(holder)
    assert await write(machine, current, "0") == "OK"
    assert "vfio-dev" not in machine.doors.files.list(f"{PCI}/{vf}")


async def test_vfio_pci_does_not_take_a_vendor_vgpu_vf(machine: Machine, need: Need) -> None:
    vf = need("vgpu_vf")
    assert await write(machine, f"{PCI}/{vf}/driver/unbind", vf) == "OK"
    await write(machine, f"{PCI}/{vf}/driver_override", "vfio-pci")
    assert await write(machine, f"{DRIVERS}/vfio-pci/bind", vf) == "EINVAL"
