"""What a look at the destination finds: the same between real QEMUs as between simulated ones."""

from __future__ import annotations

import asyncio
from pathlib import Path

import pytest

from backend.cli.snapshot import take
from backend.host.doors import HostDoors
from backend.host.linux import LinuxHost
from backend.host.sockets import LinuxSockets
from backend.migration.comparison import compare
from backend.model.migration import Comparison
from backend.model.vm import Vm
from tests.qemu.machines import Pair, open_monitor
from tests.qemu.real import RealVm, find_qemu


async def _compared(pair: Pair, destination: str) -> Comparison:
    await pair.up()
    real = LinuxHost()
    here: HostDoors = pair.hosts[0] or real
    there: HostDoors = pair.hosts[1] or real
    host = await asyncio.to_thread(take, here)
    vm = host.vms[pair.source.pid]
    return await compare(
        (here, host), vm, (there, await asyncio.to_thread(take, there)), destination, monitor=pair.source.monitor
    )


async def test_two_that_are_alike(pair: Pair) -> None:
    found = await _compared(pair, pair.destination.monitor)
    assert (found.ready, found.reasons) == (True, ())


async def test_one_that_does_not_wait(pair: Pair) -> None:
    found = await _compared(pair, pair.destination.monitor)
    async with await open_monitor(pair.destination_sockets, pair.destination) as monitor:
        await monitor.ask("migrate-incoming", {"uri": pair.uri})
    found = await _compared(pair, pair.destination.monitor)
    assert found.ready is False
    assert [reason.cause for reason in found.reasons] == ["a migration to it is under way already (setup)"]


async def test_another_machine_differs_in_everything_at_once(tmp_path: Path) -> None:
    if not find_qemu():
        pytest.skip("no qemu-system-x86_64 here: install it, or run `make lab` once, or name one in IOVTOP_QEMU")
    vms = [
        RealVm(tmp_path, "one", megabytes=32),
        RealVm(tmp_path, "two", "-smp", "2", "-device", "pci-bridge,id=b1,chassis_nr=9", megabytes=48, incoming=True),
    ]
    real, sockets = LinuxHost(), LinuxSockets()
    try:
        for vm in vms:
            await (await open_monitor(sockets, vm)).close()
        host = await asyncio.to_thread(take, real)
        source: Vm = host.vms[vms[0].pid]
        found = await compare((real, host), source, (real, host), vms[1].monitor)
    finally:
        for vm in vms:
            vm.close()
        real.close()
    causes = [reason.cause for reason in found.reasons]
    assert causes == [
        "it has 48 MiB of memory, the source 32 MiB",
        "it has 2 vCPUs, the source 1",
        "it has a device b1 (pci-bridge) that the source has not",
    ]
