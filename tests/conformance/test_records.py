"""What a real kernel answers and tells, operation by operation, compared with a record of it.

``records/NAME.txt`` holds the operations as shell commands, what each came to, and below it the uevents in their
order: action, subsystem, device, and the names of the properties that are not on every event. They were taken in
the lab; where a kernel differs, the failure shows the whole new record. Of a device node of VFIO's own, which only a
kernel with iommufd makes, nothing is written down.
"""

from __future__ import annotations

import os
from collections.abc import Awaitable, Callable
from pathlib import Path

import pytest

from backend.host.doors import Uevent
from tests.conformance.machine import DRIVERS, MDEV, PCI, EventLog, Machine, virtual_functions, write

_RECORDS = Path(__file__).with_name("records")
_UUID = "11111111-2222-4333-8444-000000000001"
_TOLD = {"pci", "mdev", "vfio", "vfio-dev"}
"""Of network interfaces too much depends on the time that udev takes to rename them."""
_ON_EVERY_EVENT = {"ACTION", "DEVPATH", "SUBSYSTEM", "SEQNUM"}
_OF_A_NODE = {"DEVNAME", "MAJOR", "MINOR"}
_PLACES = {"vfio": "$GROUP", "vfio-dev": "$NODE"}
Scene = Callable[[Machine, "Recorder"], Awaitable[None]]


class Recorder:
    """Does things and writes down what comes of them, with names in the place of addresses and numbers."""

    def __init__(self, machine: Machine, log: EventLog) -> None:
        self._machine = machine
        self._log = log
        self._told = 0
        self._names = {machine.pf: "$PF", machine.other_pf: "$OTHER_PF", _UUID: "$UUID"}
        self.lines: list[str] = []

    def name(self, text: str, value: str) -> str:
        """Call ``value`` ``$text`` from now on."""
        self._names[value] = f"${text}"
        return value

    async def echo(self, data: str, path: str, *, deadline: float = 120.0) -> None:
        """Write as the shell does."""
        came_to = await write(self._machine, path, data, deadline=deadline)
        self.lines.append(self._plain(f"echo {data} > {path}: {came_to}"))

    async def hold(self, device: str) -> object:
        """Open a device through VFIO."""
        holder = await self._machine.hold(device)
        self.lines.append(self._plain(f"open {device}: OK"))
        return holder

    async def release(self, holder: object) -> None:
        """Close it again."""
        await self._machine.release(holder)
        self.lines.append("close: OK")

    async def events(self) -> None:
        """Write down the events since the last time."""
        seen = await self._log.seen()
        fresh, self._told = seen[self._told :], len(seen)
        told = [event for event in fresh if isinstance(event, Uevent) and event.subsystem in _TOLD]
        self.lines += [self._describe(event) for event in told]

    def _describe(self, event: Uevent) -> str:
        device = _PLACES.get(event.subsystem) or os.path.basename(event.devpath)
        properties = event.properties.keys() - _ON_EVERY_EVENT
        if event.subsystem == "vfio-dev" and "cdev" in self._machine.ways:
            assert properties >= _OF_A_NODE
            properties -= _OF_A_NODE
        return self._plain(" ".join(["   ", event.action, event.subsystem, device, *sorted(properties)]))

    def _plain(self, text: str) -> str:
        for value, name in self._names.items():
            text = text.replace(value, name)
        return text


async def vfs(machine: Machine, record: Recorder) -> None:
    """VFs come and go, without a driver."""
    numvfs = f"{PCI}/{machine.pf}/sriov_numvfs"
    await record.echo("0", f"{PCI}/{machine.pf}/sriov_drivers_autoprobe")
    await record.echo("2", numvfs)
    for number, vf in enumerate(virtual_functions(machine, machine.pf)):
        record.name(f"VF{number}", vf)
    for wanted in ("3", "2", "65535", "x"):
        await record.echo(wanted, numvfs)
    await record.events()
    await record.echo("0", numvfs)
    await record.events()


async def vfio(machine: Machine, record: Recorder) -> None:
    """A VF goes to VFIO and back to nobody."""
    await record.echo("0", f"{PCI}/{machine.pf}/sriov_drivers_autoprobe")
    await record.echo("1", f"{PCI}/{machine.pf}/sriov_numvfs")
    vf = record.name("VF", virtual_functions(machine, machine.pf)[0])
    await record.events()
    await record.echo(vf, f"{DRIVERS}/vfio-pci/bind")
    await record.echo("vfio-pci", f"{PCI}/{vf}/driver_override")
    await record.events()
    await record.echo(vf, "/sys/bus/pci/drivers_probe")
    await record.events()
    holder = await record.hold(vf)
    await record.events()
    await record.echo(vf, f"{DRIVERS}/vfio-pci/unbind", deadline=3.0)
    await record.events()
    await record.release(holder)
    await record.events()


async def removal(machine: Machine, record: Recorder) -> None:
    """The VFs are taken away while one of them is held."""
    numvfs = f"{PCI}/{machine.pf}/sriov_numvfs"
    await record.echo("0", f"{PCI}/{machine.pf}/sriov_drivers_autoprobe")
    await record.echo("2", numvfs)
    for number, vf in enumerate(virtual_functions(machine, machine.pf)):
        record.name(f"VF{number}", vf)
    last = virtual_functions(machine, machine.pf)[1]
    await record.echo("vfio-pci", f"{PCI}/{last}/driver_override")
    await record.echo(last, "/sys/bus/pci/drivers_probe")
    holder = await record.hold(last)
    await record.events()
    await record.echo("0", numvfs, deadline=3.0)
    await record.events()
    await record.release(holder)
    await record.events()


async def pf_unbound(machine: Machine, record: Recorder) -> None:
    """The PF's driver goes, with its VFs, and comes back."""
    await record.echo("0", f"{PCI}/{machine.pf}/sriov_drivers_autoprobe")
    await record.echo("2", f"{PCI}/{machine.pf}/sriov_numvfs")
    for number, vf in enumerate(virtual_functions(machine, machine.pf)):
        record.name(f"VF{number}", vf)
    await record.events()
    await record.echo(machine.pf, f"{PCI}/{machine.pf}/driver/unbind")
    await record.events()
    await record.echo("2", f"{PCI}/{machine.pf}/sriov_numvfs")
    await record.echo(machine.pf, f"{DRIVERS}/{machine.pf_driver}/bind")
    await record.events()


async def mdev(machine: Machine, record: Recorder) -> None:
    """An mdev is made, held, and removed."""
    types = f"{machine.mtty}/mdev_supported_types"
    await record.echo(_UUID, f"{types}/mtty-2/create")
    await record.echo(_UUID, f"{types}/mtty-1/create")
    await record.echo("x", f"{types}/mtty-1/create")
    await record.events()
    holder = await record.hold(_UUID)
    await record.echo("1", f"{MDEV}/{_UUID}/remove", deadline=3.0)
    await record.events()
    await record.release(holder)
    await record.events()


@pytest.mark.parametrize("scene", [vfs, vfio, removal, pf_unbound, mdev])
async def test_as_it_was_recorded(machine: Machine, scene: Scene) -> None:
    record = Recorder(machine, await machine.events())
    await scene(machine, record)
    text = "\n".join([*record.lines, ""])
    path = _RECORDS / f"{scene.__name__}.txt"
    known = path.read_text() if path.exists() else ""
    assert text == known, f"{path.name} is now:\n{text}"
