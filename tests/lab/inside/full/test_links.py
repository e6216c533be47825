"""The VFs of a real kernel, as our reader, pyroute2 and ip see them."""

from __future__ import annotations

import asyncio
import json
import subprocess
from typing import Any

from pyroute2 import IPRoute

from backend.model.links import VfTable, Vlan
from tests.conformance.kernel import KernelMachine
from tests.conformance.machine import PCI, set_vfs

DEADLINE = 120.0


def by_ip(interface: str) -> dict[str, Any]:
    """Return what ip says."""
    words = ["ip", "-j", "-d", "-s", "link", "show", "dev", interface]
    found: list[dict[str, Any]] = json.loads(subprocess.run(words, capture_output=True, check=True).stdout)
    return found[0]


def check(table: VfTable) -> None:
    """Assert that ip says the same, statistics included."""
    said = by_ip(table.interface)
    assert (said["ifindex"], said["parentdev"], len(said["vfinfo_list"])) == (table.index, table.parent, table.count)
    for info, stats, vf in zip(table.vfs, table.stats, said["vfinfo_list"], strict=True):
        assert (vf["vf"], vf["address"]) == (info.index, info.mac)
        if info.vlan.id:
            assert vf["vlan_list"][0]["vlan"] == info.vlan.id
        assert vf["spoofchk"] == info.spoofcheck
        assert vf.get("trust") == info.trust
        assert vf["link_state"] == info.link
        assert vf["stats"]["rx"]["bytes"] == stats.rx_bytes


def by_pyroute2(interface: str) -> list[tuple[str, int, int]]:
    """Return MAC address, VLAN and highest rate of each VF. Runs a loop of its own: call it in a thread."""
    with IPRoute() as route:
        (link,) = route.link("get", ifname=interface, ext_mask=1)
        return [
            (
                vf.get_attr("IFLA_VF_MAC")["mac"],
                vf.get_attr("IFLA_VF_VLAN")["vlan"],
                vf.get_attr("IFLA_VF_RATE")["max_tx_rate"],
            )
            for vf in link.get_attr("IFLA_VFINFO_LIST").get_attrs("IFLA_VF_INFO")
        ]


async def test_igb_as_ip_and_pyroute2_see_it(machine: KernelMachine) -> None:
    await set_vfs(machine, machine.pf, 3)
    interface = machine.doors.files.list(f"{PCI}/{machine.pf}/net")[0]
    links = machine.doors.links
    await links.set_vf(interface, machine.pf, 0, "mac", "02:00:00:00:00:41", deadline=DEADLINE)
    await links.set_vf(interface, machine.pf, 1, "vlan", Vlan(17, 2), deadline=DEADLINE)
    await links.set_vf(interface, machine.pf, 2, "spoofcheck", False, deadline=DEADLINE)
    await links.set_vf(interface, machine.pf, 2, "trust", True, deadline=DEADLINE)
    table = await links.vfs(interface, statistics=True, deadline=DEADLINE)
    check(table)
    assert await asyncio.to_thread(by_pyroute2, interface) == [(vf.mac, vf.vlan.id, vf.rate.max) for vf in table.vfs]
