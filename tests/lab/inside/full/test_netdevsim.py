"""The VFs of the kernel's own simulated card: settings that QEMU's cards refuse, and more VFs than fit."""

from __future__ import annotations

import asyncio
from pathlib import Path

import pytest

from backend.host.rtnetlink import RouteSocket
from backend.model.links import TxRate, VfLinkState
from tests.conformance.kernel import KernelMachine
from tests.conformance.machine import write
from tests.lab.inside.full.test_links import DEADLINE, by_pyroute2, check


async def test_netdevsim_as_ip_and_pyroute2_see_it(machine: KernelMachine) -> None:
    nic = machine.nic
    if nic is None:
        pytest.skip("this machine has no netdevsim")
    assert await write(machine, nic.numvfs, "4") == "OK"
    links = machine.doors.links
    await links.set_vf(nic.interface, nic.device, 1, "link", VfLinkState.DISABLE, deadline=DEADLINE)
    await links.set_vf(nic.interface, nic.device, 3, "rate", TxRate(10, 2000), deadline=DEADLINE)
    table = await links.vfs(nic.interface, statistics=True, deadline=DEADLINE)
    check(table)
    assert await asyncio.to_thread(by_pyroute2, nic.interface) == [
        (vf.mac, vf.vlan.id, vf.rate.max) for vf in table.vfs
    ]


async def test_more_vfs_than_one_answer_holds(machine: KernelMachine) -> None:
    """The list's length has 16 bits; whatever the kernel makes of that, nothing wrong is read, and it is said."""
    nic = machine.nic
    if nic is None:
        pytest.skip("this machine has no netdevsim")
    most = Path("/sys/kernel/debug/netdevsim/netdevsim1/max_vfs")
    most.write_text("400")
    assert await write(machine, nic.numvfs, "400") == "OK"
    for vf in (0, 5, 399):
        mac = f"02:00:00:00:{vf >> 8:02x}:{vf & 255:02x}"
        await machine.doors.links.set_vf(nic.interface, nic.device, vf, "mac", mac, deadline=DEADLINE)
    with RouteSocket() as socket:
        tables = [socket.vfs(nic.interface, statistics=statistics) for statistics in (False, True)]
    for table in tables:
        assert (table.interface, table.count) == (nic.interface, 400)
        assert [vf.index for vf in table.vfs] == list(range(len(table.vfs)))
        assert 5 < len(table.vfs) < 400
        assert [vf.index for vf in table.vfs if vf.mac == f"02:00:00:00:00:{vf.index:02x}"] == [0, 5]
        assert table.reason == f"the kernel lists {len(table.vfs)} of 400 VFs"
