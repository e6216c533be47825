"""The simulated machine of the conformance tests."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable
from pathlib import Path
from typing import TypeVar

from backend.host.doors import Event, HostDoors
from backend.simhost.clock import ManualClock, settle
from backend.simhost.host import SimulatedHost
from backend.simhost.load import read
from backend.simhost.open import open_scenario
from backend.state.aside import HolderScanner, scanner_for
from tests.conformance.machine import MDEV, PCI, EventLog, Nic

T = TypeVar("T")


class SimulatedMachine:
    """A simulated host with a clock that is advanced as far as each step needs."""

    pf = "0000:01:00.0"
    pf_driver = "igb"
    vf_driver = "igbvf"
    other_pf = "0000:02:00.0"
    crossing_pf = "0000:03:00.0"
    crowded_pf = "0000:05:00.0"
    small_pf = "0000:06:00.0"
    stub_pf = "0000:06:00.1"
    sharing = ("0000:08:01.0", "0000:08:02.0")
    sharing_driver = "e1000"
    mtty = "/sys/devices/virtual/mtty/mtty"
    mdpy = "/sys/devices/virtual/mdpy/mdpy"
    vgpu_vf = "0000:09:00.4"
    ways: tuple[str, ...] = ("group", "cdev")
    clever_pf = "0000:0b:00.0"
    nic: Nic | None = Nic("enp10s0", "0000:0a:00.0", "pci/0000:0a:00.0", f"{PCI}/0000:0a:00.0/sriov_numvfs")
    switch: Nic | None = Nic("enp11s0", "0000:0b:00.0", "pci/0000:0b:00.0", f"{PCI}/0000:0b:00.0/sriov_numvfs")

    def __init__(self) -> None:
        self.clock = ManualClock()
        scenario = read(Path(__file__).with_name("simulated.toml"))
        self.host: SimulatedHost = open_scenario(scenario, "conformance", clock=self.clock)
        self.doors: HostDoors = self.host
        self.scanner: HolderScanner = scanner_for(self.host)
        self._logs: list[_Log] = []

    async def run(self, awaitable: Awaitable[T]) -> T:
        """Await something, advancing the clock."""
        return await self.clock.run(awaitable)

    def elsewhere(self) -> HostDoors:
        """The doors are anybody's."""
        return self.host

    async def hold(self, device: str, way: str = "group", token: str = "") -> object:
        """Let a process open a device."""
        if way == "cdev":
            bus = PCI if ":" in device else MDEV
            (node,) = self.host.files.list(f"{bus}/{device}/vfio-dev")
            self.host.files.stat(f"/dev/vfio/devices/{node}")
        process = self.host.kernel.start_process("holder")
        try:
            self.host.kernel.open_device(process.pid, device, token=token)
        except OSError:
            self.host.kernel.release(process.pid)
            raise
        return process.pid

    async def bring_up(self, interface: str) -> None:
        """Bring an interface up."""
        self.host.kernel.network.devices[interface].up = True

    async def release(self, holder: object) -> None:
        """Let that process end."""
        assert isinstance(holder, int)
        self.host.kernel.release(holder)
        await settle()

    async def events(self) -> EventLog:
        """Begin to listen."""
        log = _Log(self.host)
        self._logs.append(log)
        await settle()
        return log

    async def close(self) -> None:
        """Stop listening."""
        for log in self._logs:
            await log.close()
        self.host.close()


class _Log:
    def __init__(self, host: SimulatedHost) -> None:
        self._found: list[Event] = []
        self._host = host
        self._task = asyncio.create_task(self._listen())

    async def _listen(self) -> None:
        async for event in self._host.events.stream():
            self._found.append(event)

    async def seen(self) -> list[Event]:
        """Return all events so far."""
        await settle()
        return list(self._found)

    async def close(self) -> None:
        """Stop listening."""
        self._task.cancel()
        await asyncio.gather(self._task, return_exceptions=True)
