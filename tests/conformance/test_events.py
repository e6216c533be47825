"""Uevents of all that."""

from __future__ import annotations

from collections.abc import Callable

from backend.host.doors import Event, Uevent
from tests.conformance.machine import MDEV, PCI, Machine, set_vfs, to_vfio, virtual_functions, write

Need = Callable[[str], str]
UUID = "11111111-2222-4333-8444-000000000001"


def of(events: list[Event], device: str) -> list[str]:
    """Return the actions of the events about one device itself."""
    return [e.action for e in events if isinstance(e, Uevent) and e.devpath.rpartition("/")[2] == device]


async def test_vfs_come_and_go(machine: Machine) -> None:
    log = await machine.events()
    vfs = await set_vfs(machine, machine.pf, 2)
    events = await log.seen()
    assert of(events, machine.pf) == ["change"]
    for vf in vfs:
        assert of(events, vf)[0] == "add"
        assert "bind" not in of(events, vf)
    # The PF's change comes when all its VFs are there.
    order = [e.devpath.rpartition("/")[2] for e in events if isinstance(e, Uevent) and e.subsystem == "pci"]
    assert order.index(machine.pf) > max(order.index(vf) for vf in vfs)
    assert await write(machine, f"{PCI}/{machine.pf}/sriov_numvfs", "0") == "OK"
    events = await log.seen()
    for vf in vfs:
        assert of(events, vf)[-1] == "remove"


async def test_an_event_says_what_it_is_about(machine: Machine) -> None:
    log = await machine.events()
    vf = (await set_vfs(machine, machine.pf, 1))[0]
    added = next(e for e in await log.seen() if isinstance(e, Uevent) and e.action == "add" and vf in e.devpath)
    assert added.subsystem == "pci"
    assert added.devpath.startswith("/devices/pci")
    assert added.properties["PCI_SLOT_NAME"] == vf
    assert machine.doors.files.list(f"/sys{added.devpath}")


async def test_drivers_bind_and_unbind(machine: Machine) -> None:
    vf = (await set_vfs(machine, machine.pf, 1))[0]
    log = await machine.events()
    await to_vfio(machine, vf)
    events = await log.seen()
    assert of(events, vf) == ["bind"]
    assert {e.subsystem for e in events if isinstance(e, Uevent)} >= {"pci", "vfio", "vfio-dev"}
    assert await write(machine, f"{PCI}/{vf}/driver/unbind", vf) == "OK"
    assert of(await log.seen(), vf) == ["bind", "unbind"]


async def test_autoprobe_shows_interfaces(machine: Machine) -> None:
    log = await machine.events()
    await set_vfs(machine, machine.pf, 2, autoprobe=True)
    events = await log.seen()
    for vf in virtual_functions(machine, machine.pf):
        assert of(events, vf)[0] == "add"
        assert "bind" in of(events, vf)
    added = [e for e in events if isinstance(e, Uevent) and e.subsystem == "net" and e.action == "add"]
    assert len(added) == 2
    assert all(e.properties.get("INTERFACE") for e in added)


async def test_nothing_changed_nothing_told(machine: Machine) -> None:
    await set_vfs(machine, machine.pf, 2)
    log = await machine.events()
    assert await write(machine, f"{PCI}/{machine.pf}/sriov_numvfs", "2") == "OK"
    assert await write(machine, f"{PCI}/{machine.pf}/sriov_numvfs", "3") == "EBUSY"
    assert await log.seen() == []


async def test_mdevs(machine: Machine, need: Need) -> None:
    parent = need("mtty")
    log = await machine.events()
    assert await write(machine, f"{parent}/mdev_supported_types/mtty-1/create", UUID) == "OK"
    assert await write(machine, f"{MDEV}/{UUID}/remove", "1") == "OK"
    actions = of(await log.seen(), UUID)
    assert actions[0] == "add"
    assert "bind" in actions
    assert actions[-1] == "remove"
