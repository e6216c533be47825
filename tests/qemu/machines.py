"""VMs for tests that hold for the simulated QEMU and for a real one alike."""

from __future__ import annotations

import asyncio
import contextlib
import tempfile
from collections.abc import AsyncIterator, Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

from backend.host.doors import Sockets
from backend.host.sockets import LinuxSockets
from backend.simhost import open_simulated
from backend.simhost.host import SimulatedHost
from backend.simhost.vms import VmPlan
from backend.vmm.errors import MonitorAbsent, MonitorBusy, MonitorGone
from backend.vmm.monitor import Monitor, connect
from tests.qemu.real import RealVm, accelerator, load_image

MEGABYTES = 64


class Vm(Protocol):
    """A VM that a test may hurt."""

    name: str
    monitor: str

    @property
    def pid(self) -> int: ...
    @property
    def loaded(self) -> bool: ...
    def kill(self) -> None: ...
    def freeze(self) -> None: ...
    def thaw(self) -> None: ...


class SimulatedVm:
    """A VM of a simulated host."""

    def __init__(self, host: SimulatedHost, plan: VmPlan) -> None:
        self._host = host
        self.name = plan.name
        self.monitor = plan.monitor
        self.pid = host.kernel.start_vm(plan).pid
        self.loaded = True

    def kill(self) -> None:
        """Let it die."""
        self._host.kernel.stop(self.pid)

    def freeze(self) -> None:
        """Stop it."""
        self._host.sockets.real_path(self.monitor)
        vm = self._host.sockets.vm(self.name)
        self._host.sockets.do(vm.awake.clear)

    def thaw(self) -> None:
        """Let it go on."""
        vm = self._host.sockets.vm(self.name)
        self._host.sockets.do(vm.awake.set)


@dataclass(slots=True)
class Pair:
    """A VM and the destination that waits for it, on two hosts or on one."""

    kind: str
    source: Vm
    destination: Vm
    source_sockets: Sockets
    destination_sockets: Sockets
    uri: str
    opened: contextlib.AsyncExitStack
    """Closes what a test that failed has left open: the next one would be blamed for it."""
    hosts: tuple[SimulatedHost | None, SimulatedHost | None] = (None, None)
    """The simulated hosts that they are on."""

    async def up(self) -> None:
        """Wait until both answer, and until the guest has something in its memory that takes time to be sent."""
        for sockets, vm in ((self.source_sockets, self.source), (self.destination_sockets, self.destination)):
            await (await open_monitor(sockets, vm)).close()
        while not self.source.loaded:
            await asyncio.sleep(0.02)

    async def monitors(self) -> tuple[Monitor, Monitor]:
        """Return both monitors, opened for changes."""
        source = await open_monitor(self.source_sockets, self.source)
        self.opened.push_async_callback(source.close)
        destination = await open_monitor(self.destination_sockets, self.destination)
        self.opened.push_async_callback(destination.close)
        return source, destination


async def open_monitor(sockets: Sockets, vm: Vm) -> Monitor:
    """Return the monitor of a VM, which may just be starting."""
    for _ in range(600):
        try:
            return await connect(sockets, vm.monitor, vm.name, pid=vm.pid, changes=True)
        except (MonitorAbsent, MonitorGone, MonitorBusy):
            await asyncio.sleep(0.05)
    raise AssertionError(f"{vm.name} did not start")


@contextlib.asynccontextmanager
async def simulated_pair(*, dirty_mbps: int = 20, megabytes: int = 256, speed: float = 4.0) -> AsyncIterator[Pair]:
    """A pair on the two hosts of the scenario duo, each with a VF that migrates."""
    async with contextlib.AsyncExitStack() as opened:
        folder = opened.enter_context(tempfile.TemporaryDirectory(prefix="iovtop-"))
        source, destination = open_simulated("duo"), open_simulated("duo:hv08")
        try:
            for host in (source, destination):
                host.sockets.speed = speed
            plan = VmPlan("moving", ("0000:c1:00.6",), style="plain", memory_mb=megabytes, uid=0, dirty_mbps=dirty_mbps)
            waiting = VmPlan("moving", ("0000:c1:00.7",), style="plain", memory_mb=megabytes, uid=0, incoming=True)
            yield Pair(
                "simulated",
                SimulatedVm(source, plan),
                SimulatedVm(destination, waiting),
                source.sockets,
                destination.sockets,
                f"unix:{folder}/migration",
                opened,
                (source, destination),
            )
        finally:
            source.close()
            destination.close()


@contextlib.asynccontextmanager
async def real_pair(*, pages_per_second: int = 5000, working_set: int = 16) -> AsyncIterator[Pair]:
    """Two processes on this machine; the guest dirties so many pages a second among so many MiB."""
    async with contextlib.AsyncExitStack() as opened:
        folder = Path(opened.enter_context(tempfile.TemporaryDirectory(prefix="iovtop-")))
        image = load_image(folder, pages_per_second=pages_per_second, megabytes=working_set)
        started: list[RealVm] = []
        try:
            for role, incoming in (("source", False), ("destination", True)):
                started.append(RealVm(folder, role, megabytes=MEGABYTES, image=image, incoming=incoming))
            sockets = LinuxSockets()
            yield Pair("real", started[0], started[1], sockets, sockets, f"unix:{folder}/migration", opened)
        finally:
            for vm in started:
                vm.close()


Opener = Callable[[], contextlib.AbstractAsyncContextManager[Pair]]
KINDS: dict[str, Opener] = {"simulated": simulated_pair, "real": real_pair}
__all__ = ["KINDS", "Pair", "Vm", "accelerator", "open_monitor", "real_pair", "simulated_pair"]
