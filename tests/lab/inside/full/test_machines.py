"""VMs on a real kernel: a data path switched while one runs, and a migration with a mediated device."""

from __future__ import annotations

import asyncio
import json
import os
from pathlib import Path
from typing import Any

from backend.host.sockets import LinuxSockets
from backend.vmm.errors import VmmError
from backend.vmm.monitor import Monitor, connect
from tests.conformance.kernel import KernelMachine
from tests.conformance.machine import set_vfs, to_vfio, write
from tests.lab.inside.conftest import Snapshot, iovtop
from tests.lab.inside.full.test_holders import Nested, running

NATIVE = ("-global", "ICH9-LPC.acpi-pci-hotplug-with-bridge-support=off", "-device", "pcie-root-port,id=rp0,chassis=1")
MDEVS = [f"11111111-2222-4333-8444-0000000000{number}" for number in ("1a", "1b")]


async def monitor_of(path: Path, name: str) -> Monitor:
    """Return the monitor of a VM that is just starting."""
    for _ in range(600):
        try:
            return await connect(LinuxSockets(), str(path), name, changes=True)
        except VmmError:
            await asyncio.sleep(0.2)
    raise AssertionError(f"{name} does not start")


def path_of(device: str) -> str:
    """Return the data path that a snapshot shows."""
    return str(Snapshot().devices[device]["path"])


async def test_the_data_path_of_a_running_vm(machine: KernelMachine, nested_qemu: Nested, tmp_path: Path) -> None:
    vf = (await set_vfs(machine, machine.pf, 1))[0]
    await to_vfio(machine, vf)
    socket = tmp_path / "vm.qmp"
    command = nested_qemu("-name", "toggled", *NATIVE, "-qmp", f"unix:{socket},server=on,wait=off")
    with running(command, socket.exists):
        # No operating system runs in it. A slot that nobody switched on lets its device go by itself.
        async with await monitor_of(socket, "toggled") as monitor:
            await monitor.ask("device_add", {"driver": "vfio-pci", "host": vf, "id": "vf0", "bus": "rp0"}, deadline=60)
        assert path_of(vf) == "passthrough"
        trapped = iovtop("replug", vf, "--trap", "--yes")
        assert trapped.returncode == 0, trapped
        assert path_of(vf) == "trap"
        mapped = iovtop("replug", vf, "--yes")
        assert mapped.returncode == 0, mapped
        assert path_of(vf) == "passthrough"
        async with await monitor_of(socket, "toggled") as monitor:
            assert await monitor.ask("qom-get", {"path": "/machine/peripheral/vf0", "property": "x-no-mmap"}) is False


async def test_a_guest_that_ignores_the_unplug(machine: KernelMachine, nested_qemu: Nested, tmp_path: Path) -> None:
    vf = (await set_vfs(machine, machine.pf, 1))[0]
    await to_vfio(machine, vf)
    socket = tmp_path / "vm.qmp"
    plugged = ("-device", f"vfio-pci,host={vf},id=vf0,bus=rp0")
    command = nested_qemu("-name", "deaf", *NATIVE, *plugged, "-qmp", f"unix:{socket},server=on,wait=off")
    with running(command, socket.exists):
        await (await monitor_of(socket, "deaf")).close()
        failed = iovtop("replug", vf, "--trap", "--yes")
        assert failed.returncode == 7, failed
        assert f"did not let {vf} go" in failed.stdout + failed.stderr
        assert path_of(vf) == "passthrough"


async def test_a_vm_with_a_mediated_device_moves(machine: KernelMachine, nested_qemu: Nested, tmp_path: Path) -> None:
    assert machine.mtty
    for uuid in MDEVS:
        assert await write(machine, f"{machine.mtty}/mdev_supported_types/mtty-2/create", uuid) == "OK"
    iommufd = os.path.exists("/dev/iommu")
    more = ",iommufd=i0" if iommufd else ",x-device-dirty-page-tracking=off"
    objects = ("-object", "iommufd,id=i0") if iommufd else ()
    monitors = [tmp_path / f"{name}.qmp" for name in ("source", "destination")]

    def vm(number: int, extra: str, *incoming: str) -> list[str]:
        device = f"vfio-pci,sysfsdev=/sys/bus/mdev/devices/{MDEVS[number]},id=mt0,enable-migration=on{extra}"
        qmp = f"unix:{monitors[number]},server=on,wait=off"
        return nested_qemu("-name", "moving", *objects, "-device", device, "-qmp", qmp, *incoming)

    if not iommufd:
        with running(vm(0, ""), monitors[0].exists):
            await (await monitor_of(monitors[0], "moving")).close()
            lie = iovtop("why", "moving", "--format", "json")
            reasons: list[dict[str, Any]] = json.loads(lie.stdout)["reasons"]
            assert lie.returncode == 1
            assert any("cannot report it" in reason["cause"] for reason in reasons)
        monitors[0].unlink(missing_ok=True)
    with (
        running(vm(0, more), monitors[0].exists) as source,
        running(vm(1, more, "-incoming", "defer"), monitors[1].exists),
    ):
        for monitor in monitors:
            await (await monitor_of(monitor, "moving")).close()
        why = iovtop("why", str(source.pid), "--format", "json")
        assert why.returncode == 0, why
        (device,) = json.loads(why.stdout)["devices"]
        assert set(device["features"]) >= {"stop-copy", "p2p", "pre-copy"}
        moved = iovtop("migrate", str(source.pid), str(monitors[1]), "--yes", "--format", "json")
        assert moved.returncode == 0, moved
        lines = [json.loads(line) for line in moved.stdout.splitlines()]
        assert lines[-1]["verdict"]["where"] == "destination"
        last = lines[-2]["progress"]
        # Device bytes apart: what mtty sends before and after the stop.
        assert (last["phase"], last["device_sent"]) == ("completed", 96)
