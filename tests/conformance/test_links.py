"""VF policy and statistics by rtnetlink, and devlink: what the kernel tells and what it refuses."""

from __future__ import annotations

import pytest

from backend.model.links import (
    TxRate,
    VfInfo,
    VfLinkState,
    VfSetting,
    VfSettingName,
    VfStats,
    VfTable,
    Vlan,
    VlanProtocol,
)
from tests.conformance.machine import PCI, Machine, name_of, set_vfs, write

DEADLINE = 120.0
NO_MAC = "00:00:00:00:00:00"


async def table(machine: Machine, interface: str, *, statistics: bool = False) -> VfTable:
    return await machine.run(machine.doors.links.vfs(interface, statistics=statistics, deadline=DEADLINE))


async def set_vf(machine: Machine, interface: str, device: str, vf: int, name: VfSettingName, value: VfSetting) -> str:
    """Set and return "OK" or the name of the errno."""
    try:
        await machine.run(machine.doors.links.set_vf(interface, device, vf, name, value, deadline=DEADLINE))
    except OSError as error:
        return name_of(error)
    return "OK"


async def igb(machine: Machine, count: int) -> str:
    """Make VFs of the igb PF and return its interface."""
    await set_vfs(machine, machine.pf, count)
    return machine.doors.files.list(f"{PCI}/{machine.pf}/net")[0]


# -- reading


async def test_a_pf_without_vfs(machine: Machine) -> None:
    interface = machine.doors.files.list(f"{PCI}/{machine.pf}/net")[0]
    found = await table(machine, interface, statistics=True)
    index = int(machine.doors.files.read(f"/sys/class/net/{interface}/ifindex"))
    assert found == VfTable(interface, index, machine.pf, 0)


async def test_fresh_vfs_of_igb(machine: Machine) -> None:
    interface = await igb(machine, 2)
    found = await table(machine, interface)
    assert (found.count, found.parent, found.reason, found.stats) == (2, machine.pf, "", ())
    assert found.vfs == tuple(
        VfInfo(index, NO_MAC, Vlan(), TxRate(), spoofcheck=True, trust=False, link=VfLinkState.AUTO)
        for index in range(2)
    )


async def test_a_driver_that_counts_nothing_reads_as_zeroes(machine: Machine) -> None:
    found = await table(machine, await igb(machine, 2), statistics=True)
    assert found.stats == (VfStats(), VfStats())
    assert [vf.index for vf in found.vfs] == [0, 1]


async def test_an_interface_that_is_no_pfs(machine: Machine) -> None:
    found = await table(machine, "lo", statistics=True)
    assert (found.interface, found.parent, found.count, found.vfs) == ("lo", "", 0, ())


@pytest.mark.parametrize(("name", "code"), [("nosuch0", "ENODEV"), ("name-longer-than-15", "ERANGE")])
async def test_no_such_interface(machine: Machine, name: str, code: str) -> None:
    with pytest.raises(OSError) as caught:  # noqa: PT011 - the errno is what matters
        await table(machine, name)
    assert (name_of(caught.value), caught.value.filename) == (code, name)


# -- setting


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("mac", "02:00:00:00:00:11"),
        ("mac", NO_MAC),
        ("vlan", Vlan(100)),
        ("vlan", Vlan(100, 3)),
        ("vlan", Vlan(0)),
        ("spoofcheck", False),
        ("spoofcheck", True),
        ("trust", True),
    ],
)
async def test_what_igb_takes(machine: Machine, name: VfSettingName, value: VfSetting) -> None:
    interface = await igb(machine, 2)
    before = await table(machine, interface)
    assert await set_vf(machine, interface, machine.pf, 1, name, value) == "OK"
    after = await table(machine, interface)
    assert getattr(after.vfs[1], name) == value
    assert after.vfs[0] == before.vfs[0]


@pytest.mark.parametrize(
    ("vf", "name", "value", "code"),
    [
        (2, "mac", "02:00:00:00:00:11", "EINVAL"),
        (2, "trust", True, "EINVAL"),
        (0, "mac", "01:00:00:00:00:11", "EINVAL"),
        (0, "vlan", Vlan(4096), "EINVAL"),
        (0, "vlan", Vlan(100, 8), "EINVAL"),
        (0, "vlan", Vlan(100, 0, VlanProtocol.SERVICE), "EPROTONOSUPPORT"),
        (0, "link", VfLinkState.DISABLE, "EOPNOTSUPP"),
    ],
)
async def test_what_igb_refuses(machine: Machine, vf: int, name: VfSettingName, value: VfSetting, code: str) -> None:
    interface = await igb(machine, 2)
    before = await table(machine, interface)
    assert await set_vf(machine, interface, machine.pf, vf, name, value) == code
    assert await table(machine, interface) == before


async def test_rates_of_igb_depend_on_the_link(machine: Machine) -> None:
    interface = await igb(machine, 1)
    await machine.bring_up(interface)
    speed = int(machine.doors.files.read(f"/sys/class/net/{interface}/speed"))
    assert await set_vf(machine, interface, machine.pf, 0, "rate", TxRate(0, speed // 2)) == "OK"
    assert (await table(machine, interface)).vfs[0].rate == TxRate(0, speed // 2)
    assert await set_vf(machine, interface, machine.pf, 0, "rate", TxRate(0, speed + 1)) == "EINVAL"
    assert await set_vf(machine, interface, machine.pf, 0, "rate", TxRate(10, speed // 2)) == "EINVAL"
    assert await set_vf(machine, interface, machine.pf, 0, "rate", TxRate()) == "OK"
    assert (await table(machine, interface)).vfs[0].rate == TxRate()


async def test_policy_goes_with_the_vfs(machine: Machine) -> None:
    interface = await igb(machine, 1)
    fresh = await table(machine, interface)
    for name, value in (("mac", "02:00:00:00:00:11"), ("vlan", Vlan(100)), ("trust", True)):
        assert await set_vf(machine, interface, machine.pf, 0, name, value) == "OK"  # type: ignore[arg-type]
    assert await write(machine, f"{PCI}/{machine.pf}/sriov_numvfs", "0") == "OK"
    assert await set_vf(machine, interface, machine.pf, 0, "vlan", Vlan(100)) == "EINVAL"
    assert await write(machine, f"{PCI}/{machine.pf}/sriov_numvfs", "1") == "OK"
    assert (await table(machine, interface)).vfs == fresh.vfs


async def test_the_wrong_pf_is_not_touched(machine: Machine) -> None:
    interface = await igb(machine, 1)
    assert await set_vf(machine, interface, machine.other_pf, 0, "trust", True) == "ENODEV"
    assert (await table(machine, interface)).vfs[0].trust is False
    assert await set_vf(machine, "nosuch0", machine.pf, 0, "trust", True) == "ENODEV"


async def test_a_pf_without_its_driver_has_no_interface(machine: Machine) -> None:
    interface = await igb(machine, 1)
    assert await write(machine, f"{PCI}/{machine.pf}/driver/unbind", machine.pf) == "OK"
    assert await set_vf(machine, interface, machine.pf, 0, "trust", True) == "ENODEV"
