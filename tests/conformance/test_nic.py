"""A card whose driver takes every setting of a VF, and devlink: its embedded switch and its ports."""

from __future__ import annotations

import os

import pytest

from backend.model.links import (
    DevlinkPort,
    EswitchMode,
    PortSetting,
    PortSettingName,
    TxRate,
    VfLinkState,
    VfSetting,
    VfSettingName,
    Vlan,
    VlanProtocol,
)
from tests.conformance.machine import Machine, Nic, name_of, write
from tests.conformance.test_links import DEADLINE, set_vf, table


async def ports(machine: Machine, device: str) -> tuple[DevlinkPort, ...]:
    return await machine.run(machine.doors.links.ports(device, deadline=DEADLINE))


async def set_port(machine: Machine, device: str, port: int, name: PortSettingName, value: PortSetting) -> str:
    try:
        await machine.run(machine.doors.links.set_port(device, port, name, value, deadline=DEADLINE))
    except OSError as error:
        return name_of(error)
    return "OK"


@pytest.fixture
def nic(machine: Machine) -> Nic:
    """A card whose driver takes every setting."""
    if machine.nic is None:
        pytest.skip("this machine has no nic")
    return machine.nic


@pytest.fixture
def switch(machine: Machine) -> Nic:
    """A card with an embedded switch."""
    if machine.switch is None:
        pytest.skip("this machine has no switch")
    return machine.switch


# -- a card that takes everything


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("mac", "02:00:00:00:00:21"),
        ("vlan", Vlan(7, 5)),
        ("vlan", Vlan(7, 5, VlanProtocol.SERVICE)),
        ("rate", TxRate(100, 1000)),
        ("spoofcheck", True),
        ("trust", True),
        ("link", VfLinkState.ENABLE),
        ("link", VfLinkState.DISABLE),
    ],
)
async def test_what_is_set_is_read_back(machine: Machine, nic: Nic, name: VfSettingName, value: VfSetting) -> None:
    assert await write(machine, nic.numvfs, "3") == "OK"
    before = await table(machine, nic.interface)
    assert before.parent == nic.device
    assert await set_vf(machine, nic.interface, nic.device, 2, name, value) == "OK"
    after = await table(machine, nic.interface)
    assert getattr(after.vfs[2], name) == value
    assert after.vfs[:2] == before.vfs[:2]


async def test_statistics_stand_beside_the_vfs(machine: Machine, nic: Nic) -> None:
    assert await write(machine, nic.numvfs, "4") == "OK"
    found = await table(machine, nic.interface, statistics=True)
    assert (found.count, len(found.vfs), len(found.stats), found.reason) == (4, 4, 4, "")


# -- devlink


async def eswitch(machine: Machine, device: str) -> str:
    try:
        return await machine.run(machine.doors.links.eswitch(device, deadline=DEADLINE))
    except OSError as error:
        return name_of(error)


async def test_the_mode_of_a_switch(machine: Machine, switch: Nic) -> None:
    assert await write(machine, switch.numvfs, "2") == "OK"
    assert await eswitch(machine, switch.handle) == "legacy"
    assert [port.vf for port in await ports(machine, switch.handle)] == [None]
    await machine.run(machine.doors.links.set_eswitch(switch.handle, EswitchMode.SWITCHDEV, deadline=DEADLINE))
    assert await eswitch(machine, switch.handle) == "switchdev"
    found = await ports(machine, switch.handle)
    assert [(port.flavour, port.vf) for port in found if port.vf is not None] == [("pcivf", 0), ("pcivf", 1)]
    assert found[0].device == switch.handle
    await machine.run(machine.doors.links.set_eswitch(switch.handle, EswitchMode.LEGACY, deadline=DEADLINE))
    assert [port.vf for port in await ports(machine, switch.handle)] == [None]


async def test_the_physical_port_has_no_function(machine: Machine, switch: Nic) -> None:
    (port,) = await ports(machine, switch.handle)
    assert (port.flavour, port.netdev) == ("physical", switch.interface)
    assert port.name == f"{switch.handle}/{port.index}"
    assert await set_port(machine, switch.handle, port.index, "hw_addr", "02:00:00:00:00:31") == "EOPNOTSUPP"
    assert await set_port(machine, switch.handle, port.index, "state", "active") == "EOPNOTSUPP"
    assert await set_port(machine, switch.handle, 4242, "hw_addr", "02:00:00:00:00:31") == "ENODEV"


async def test_the_kernel_says_what_it_refuses(machine: Machine, switch: Nic) -> None:
    (port,) = await ports(machine, switch.handle)
    with pytest.raises(OSError, match="support") as caught:
        await machine.run(
            machine.doors.links.set_port(switch.handle, port.index, "hw_addr", "02:00:00:00:00:31", deadline=DEADLINE)
        )
    assert caught.value.strerror == "Port doesn't support function attributes"
    assert caught.value.filename == switch.handle


async def test_a_device_that_devlink_does_not_know(machine: Machine, switch: Nic) -> None:
    assert await eswitch(machine, f"pci/{machine.pf}") == "ENODEV"
    with pytest.raises(OSError, match="No such device"):
        await ports(machine, f"pci/{machine.pf}")
    assert await set_port(machine, f"pci/{machine.pf}", 0, "migratable", True) == "ENODEV"


def test_devlink_names_lead_to_sysfs(machine: Machine, switch: Nic) -> None:
    bus, _, name = switch.handle.partition("/")
    assert name == switch.device
    assert switch.interface in machine.doors.files.list(f"/sys/bus/{bus}/devices/{name}/net")
    assert os.path.basename(machine.doors.files.readlink(f"/sys/class/net/{switch.interface}/device")) == name
