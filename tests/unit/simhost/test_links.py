"""The simulated network side where a real kernel cannot be asked: privileges, hangs, ConnectX, many VFs."""

from __future__ import annotations

import errno
from collections.abc import Awaitable, Callable

import pytest

from backend.host.doors import StillWaiting
from backend.model.links import EswitchMode, PortState, TxRate, VfSetting, VfSettingName, Vlan
from backend.simhost import open_simulated
from backend.simhost.clock import ManualClock
from backend.simhost.function import Function
from backend.simhost.host import SimulatedHost
from backend.simhost.open import open_scenario
from backend.simhost.scenario import FunctionSpec, HostSpec, NetSpec, PortSpec, Scenario

SWITCH, PLAIN = "0000:c1:00.0", "0000:c1:00.1"
HANDLE = f"pci/{SWITCH}"
PCI = "/sys/bus/pci"


def vfs_of(host: SimulatedHost, pf: str) -> list[Function]:
    """Return the VFs of a PF."""
    sriov = host.kernel.pci.functions[pf].sriov
    assert sriov is not None
    return sriov.vfs


async def rebind(
    host: SimulatedHost, clock: ManualClock, vf: Function, *, between: Callable[[], Awaitable[None]] | None = None
) -> None:
    """Take a VF's driver away, and let it come back."""
    await clock.run(host.guarded.write(f"{PCI}/devices/{vf.address}/driver/unbind", vf.address.encode(), deadline=9))
    if between is not None:
        await between()
    await clock.run(host.guarded.write(f"{PCI}/drivers_probe", vf.address.encode(), deadline=9))


@pytest.fixture
def clock() -> ManualClock:
    return ManualClock()


@pytest.fixture
def host(clock: ManualClock) -> SimulatedHost:
    """Two ConnectX PFs: the first in switchdev mode."""
    return open_simulated("duo", clock=clock)


async def test_only_root_sets(clock: ManualClock) -> None:
    links = open_simulated("duo", clock=clock, privileged=False).links
    assert (await links.vfs("ens3f1np1", deadline=1)).vfs[0].vlan == Vlan(120)
    for question in (
        links.set_vf("ens3f1np1", PLAIN, 0, "trust", False, deadline=1),
        links.set_eswitch(HANDLE, EswitchMode.LEGACY, deadline=1),
        links.set_port(HANDLE, 1, "migratable", False, deadline=1),
    ):
        with pytest.raises(PermissionError):
            await question


async def test_whoever_reads_waits_for_the_lock_of_all_links(host: SimulatedHost, clock: ManualClock) -> None:
    host.faults.hang_reads("rtnetlink")
    with pytest.raises(StillWaiting) as caught:
        await clock.run(host.links.vfs("ens3f0np0", deadline=2.0))
    assert (caught.value.path, caught.value.wchan, caught.value.waited) == ("rtnetlink", "rtnl_lock", 2.0)
    assert [left.path for left in host.links.waiting()] == ["rtnetlink"]
    host.faults.hang_reads("rtnetlink", False)
    await clock.run(host.clock.sleep(1))
    assert (await host.links.vfs("ens3f0np0", deadline=1)).count == 8
    assert host.links.waiting() == ()


async def test_a_setting_that_hangs_is_done_later(host: SimulatedHost, clock: ManualClock) -> None:
    place = "netlink ens3f1np1 vf 1 trust"
    host.faults.hang_reads(place)
    with pytest.raises(StillWaiting, match=place):
        await clock.run(host.links.set_vf("ens3f1np1", PLAIN, 1, "trust", True, deadline=2.0))
    assert [left.path for left in host.links.waiting()] == [place]
    host.faults.hang_reads(place, False)
    host.kernel.core.schedule.changed()
    assert (await host.links.vfs("ens3f1np1", deadline=1)).vfs[1].trust is True
    assert host.links.waiting() == ()


@pytest.mark.parametrize(
    ("name", "value"), [("vlan", Vlan(5)), ("trust", True), ("spoofcheck", True), ("rate", TxRate(5, 4))]
)
async def test_in_switchdev_mode_the_representor_rules(
    host: SimulatedHost, name: VfSettingName, value: VfSetting
) -> None:
    with pytest.raises(OSError, match=r"not supported|Invalid") as caught:
        await host.links.set_vf("ens3f0np0", SWITCH, 0, name, value, deadline=1)
    assert caught.value.errno == (errno.EINVAL if name == "rate" else errno.EOPNOTSUPP)


async def test_statistics_grow_while_a_vf_is_used(host: SimulatedHost, clock: ManualClock) -> None:
    host.run()
    first = await host.links.vfs("ens3f0np0", statistics=True, deadline=1)
    clock.advance(5)
    second = await host.links.vfs("ens3f0np0", statistics=True, deadline=1)
    grown = [b.rx_bytes - a.rx_bytes for a, b in zip(first.stats, second.stats, strict=True)]
    assert [more > 0 for more in grown] == [vf.held for vf in vfs_of(host, SWITCH)]
    assert all(a.tx_packets <= b.tx_packets for a, b in zip(first.stats, second.stats, strict=True))


async def test_a_mac_set_by_the_pf_is_what_the_vf_driver_finds(host: SimulatedHost, clock: ManualClock) -> None:
    vf = vfs_of(host, PLAIN)[3]
    assert vf.net is not None
    address = f"/sys/class/net/{vf.net.name}/address"
    await host.links.set_vf("ens3f1np1", PLAIN, 3, "mac", "02:aa:00:00:00:03", deadline=1)
    assert host.files.read(address) != b"02:aa:00:00:00:03\n"
    await clock.run(
        host.guarded.write(f"/sys/bus/pci/devices/{vf.address}/driver/unbind", vf.address.encode(), deadline=9)
    )
    await clock.run(host.guarded.write("/sys/bus/pci/drivers_probe", vf.address.encode(), deadline=9))
    assert host.files.read(address) == b"02:aa:00:00:00:03\n"


# -- ports


async def test_a_vf_is_made_migratable_before_its_driver_binds(host: SimulatedHost, clock: ManualClock) -> None:
    vf = vfs_of(host, SWITCH)[4]
    features = f"/sys/kernel/debug/vfio/{vf.address}/migration/features"
    assert b"stop-copy" in host.files.read(features)
    ports = {port.vf: port for port in await host.links.ports(HANDLE, deadline=1)}
    assert ports[4].function.migratable is True
    with pytest.raises(OSError, match="Failed setting HCA migratable cap"):
        await host.links.set_port(HANDLE, ports[4].index, "migratable", False, deadline=1)
    await rebind(
        host, clock, vf,
        between=lambda: host.links.set_port(HANDLE, ports[4].index, "migratable", False, deadline=1),
    )  # fmt: skip
    with pytest.raises(FileNotFoundError):
        host.files.read(features)


async def test_what_a_port_takes(host: SimulatedHost) -> None:
    links = host.links
    index = next(port.index for port in await links.ports(HANDLE, deadline=1) if port.vf == 2)
    await links.set_port(HANDLE, index, "hw_addr", "02:00:00:00:00:42", deadline=1)
    await links.set_port(HANDLE, index, "max_io_eqs", 16, deadline=1)
    await links.set_port(HANDLE, index, "roce", False, deadline=1)
    found = next(port for port in await links.ports(HANDLE, deadline=1) if port.vf == 2).function
    assert (found.hw_addr, found.max_io_eqs, found.roce, found.state) == ("02:00:00:00:00:42", 16, False, None)
    with pytest.raises(OSError, match="Non-unicast hardware address unsupported"):
        await links.set_port(HANDLE, index, "hw_addr", "03:00:00:00:00:42", deadline=1)
    with pytest.raises(OSError, match="Function does not support state setting"):
        await links.set_port(HANDLE, index, "state", PortState.ACTIVE, deadline=1)


# -- many VFs


def crowd(release: str, vfs: int) -> SimulatedHost:
    """Return a host with one card of ``vfs`` VFs."""
    scenario = Scenario(
        HostSpec("crowd", kernel=release),
        port=(PortSpec("0000:00:01.0", (1, 3)),),
        function=(
            FunctionSpec("0000:01:00.0", "e810", net=NetSpec("ens1"), vfs=vfs, total=400, autoprobe=False),
        ),
    )  # fmt: skip
    return open_scenario(scenario, "crowd", clock=ManualClock())


@pytest.mark.parametrize(
    ("release", "statistics", "listed"),
    [("7.3.4", False, 256), ("7.3.4", True, 128), ("6.12.117", False, 300), ("6.12.117", True, 81)],
)
async def test_the_kernel_lists_no_more_than_fit(release: str, statistics: bool, listed: int) -> None:
    table = await crowd(release, 300).links.vfs("ens1", statistics=statistics, deadline=1)
    assert (table.count, len(table.vfs), len(table.stats)) == (300, listed, listed if statistics else 0)
    assert table.reason == ("" if listed == 300 else f"the kernel lists {listed} of 300 VFs")
