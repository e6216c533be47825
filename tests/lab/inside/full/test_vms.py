"""VMs with devices on a real kernel: the data path of a running one, and live migrations with the devices' state."""

from __future__ import annotations

import json
import os
import subprocess
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path

import pytest

from backend.cli.exits import Exit
from backend.vmm.monitor import connect
from tests.conformance.kernel import KernelMachine
from tests.conformance.machine import MDEV, PCI, plain, set_vfs, to_vfio, write
from tests.lab.inside.conftest import SOON, Snapshot, iovtop
from tests.lab.inside.full.test_holders import running

Nested = Callable[..., list[str]]

_NATIVE_HOT_PLUG = ("-global", "ICH9-LPC.acpi-pci-hotplug-with-bridge-support=off")
"""The port itself tells of plugging: then the firmware alone lets a device go. With ACPI it takes a guest's system."""
_IOMMUFD = os.path.exists("/dev/iommu")
"""Where it is, VMs take their devices by its way; elsewhere by VFIO's groups."""
_WAY = ",iommufd=if0" if _IOMMUFD else ""
_MAPPED = "/dev/vfio/devices/vfio" if _IOMMUFD else "anon_inode:[vfio-device]"
_UUIDS = tuple(f"11111111-2222-4333-8444-0000000000{number}" for number in (41, 42, 43, 44))
_MEGABYTES = 96


def mapped(pid: int) -> int:
    """Return how many regions of VFIO devices are mapped into a process, by its own maps."""
    return Path(f"/proc/{pid}/maps").read_text().count(_MAPPED)


def until(holds: Callable[[], bool], what: str) -> None:
    """Wait for something that the guest's firmware does."""
    deadline = time.monotonic() + SOON
    while not holds():
        assert time.monotonic() < deadline, what
        time.sleep(0.5)


@contextmanager
def with_vf(command: list[str], vf: str, machine: KernelMachine) -> Iterator[subprocess.Popen[bytes]]:
    """Run a VM with a VF whose regions the firmware has mapped."""
    with running(command, lambda: plain(machine, f"{PCI}/{vf}/enable") == "1") as vm:
        until(lambda: mapped(vm.pid) > 0, "the firmware gives the regions no addresses")
        yield vm


def vm_words(nested_qemu: Nested, folder: Path, *options: str) -> list[str]:
    """Return the command of a VM with a monitor and a port that knows hot-plug."""
    return nested_qemu(
        *("-name", "guest=web-1", "-qmp", f"unix:{folder}/web-1.qmp,server=on,wait=off"),
        *("-device", "pcie-root-port,id=rp0,chassis=1"),
        *(("-object", "iommufd,id=if0") if _IOMMUFD else ()),
        *options,
    )


async def test_the_data_path_of_a_running_vms_vf_there_and_back(
    machine: KernelMachine, nested_qemu: Nested, tmp_path: Path
) -> None:
    vf = (await set_vfs(machine, machine.pf, 1))[0]
    await to_vfio(machine, vf)
    socket = tmp_path / "web-1.qmp"
    command = vm_words(nested_qemu, tmp_path, *_NATIVE_HOT_PLUG)
    with running(command, socket.exists) as vm:
        # A port that was empty at reset has its power off: what is plugged in there goes without a guest's consent.
        sockets = machine.doors.sockets
        assert sockets is not None
        async with await connect(sockets, str(socket), "web-1", pid=vm.pid, uid=os.getuid(), changes=True) as monitor:
            plug = {"driver": "vfio-pci", "host": vf, "id": "vf0", "bus": "rp0"}
            await monitor.ask("device_add", plug | ({"iommufd": "if0"} if _IOMMUFD else {}), deadline=SOON)
        regions = mapped(vm.pid)
        assert regions > 0
        assert Snapshot().devices[vf]["path"] == "passthrough"
        trapped = iovtop("replug", vf, "--trap", "--yes")
        assert trapped.returncode == 0, trapped.stdout + trapped.stderr
        assert mapped(vm.pid) == 0
        assert Snapshot().devices[vf]["path"] == "trap"
        undone = iovtop("undo", "--yes")
        assert undone.returncode == 0, undone.stdout + undone.stderr
        assert mapped(vm.pid) == regions
        assert Snapshot().devices[vf]["path"] == "passthrough"
        assert vm.poll() is None


async def test_a_guest_that_does_not_let_its_device_go_keeps_it(
    machine: KernelMachine, nested_qemu: Nested, tmp_path: Path
) -> None:
    vf = (await set_vfs(machine, machine.pf, 1))[0]
    await to_vfio(machine, vf)
    command = vm_words(nested_qemu, tmp_path, "-device", f"vfio-pci,host={vf},id=vf0,bus=rp0{_WAY}")
    with with_vf(command, vf, machine) as vm:
        regions = mapped(vm.pid)
        refused = iovtop("replug", vf, "--trap", "--yes")
        assert refused.returncode == Exit.FAILED, refused.stdout + refused.stderr
        assert "did not let" in refused.stdout + refused.stderr
        assert "nothing changed" in refused.stdout + refused.stderr
        assert (mapped(vm.pid), Snapshot().devices[vf]["path"]) == (regions, "passthrough")


async def test_a_bus_without_hot_plug_is_refused(machine: KernelMachine, nested_qemu: Nested, tmp_path: Path) -> None:
    vf = (await set_vfs(machine, machine.pf, 1))[0]
    await to_vfio(machine, vf)
    command = vm_words(nested_qemu, tmp_path, "-device", f"vfio-pci,host={vf},id=vf0{_WAY}")
    with with_vf(command, vf, machine):
        refused = iovtop("replug", vf, "--trap", "--yes")
        assert refused.returncode == Exit.REFUSED, refused.stdout + refused.stderr
        assert "knows hot-plug" in refused.stderr
        assert "pcie-root-port" in refused.stderr


def side(nested_qemu: Nested, folder: Path, name: str, uuids: tuple[str, ...], *options: str) -> list[str]:
    """Return the command of one side of a migration: memory that does not compress, and the mdevs."""
    memory = folder / f"{name}.memory"
    memory.write_bytes(os.urandom(_MEGABYTES << 20) if not options else b"")
    # Debian's kernel cannot report what a device dirtied, though it says that it can.
    tracking = "" if _IOMMUFD else ",x-device-dirty-page-tracking=off"
    devices = [
        word
        for number, uuid in enumerate(uuids)
        for word in ("-device", f"vfio-pci,sysfsdev={MDEV}/{uuid},id=mt{number},enable-migration=on{tracking}{_WAY}")
    ]
    return nested_qemu(
        *("-name", f"guest={name}", "-qmp", f"unix:{folder}/{name}.qmp,server=on,wait=off"),
        *("-m", f"{_MEGABYTES}M", "-machine", "memory-backend=m0"),
        *("-object", f"memory-backend-file,id=m0,size={_MEGABYTES}M,mem-path={memory},share=off"),
        *(("-object", "iommufd,id=if0") if _IOMMUFD else ()),
        *devices,
        *options,
    )


@pytest.mark.parametrize("count", [1, 2])
async def test_a_vm_with_mdevs_migrates_and_their_bytes_are_told_apart(
    machine: KernelMachine, nested_qemu: Nested, tmp_path: Path, count: int
) -> None:
    for uuid in _UUIDS[: 2 * count]:
        assert await write(machine, f"{machine.mtty}/mdev_supported_types/mtty-2/create", uuid) == "OK"
    source = side(nested_qemu, tmp_path, "web-1", _UUIDS[:count])
    destination = side(nested_qemu, tmp_path, "web-1-in", _UUIDS[count : 2 * count], "-incoming", "defer")
    with ExitStack() as vms:
        vm, there = (
            vms.enter_context(running(command, (tmp_path / f"{name}.qmp").exists))
            for name, command in (("web-1", source), ("web-1-in", destination))
        )
        why = iovtop("why", str(vm.pid), "--format", "json")
        assert why.returncode == 0, why.stdout + why.stderr
        words = ("migrate", str(vm.pid), f"{tmp_path}/web-1-in.qmp")
        done = iovtop(*words, "--bandwidth", "12M", "--downtime", "3000", "--format", "json", "--yes", seconds=600)
        assert done.returncode == 0, done.stdout + done.stderr
        lines = [json.loads(line) for line in done.stdout.splitlines()]
        assert lines[-1]["verdict"]["where"] == "destination"
        told = [line["progress"] for line in lines[:-1]]
        # 24 bytes of each before the switchover, 96 in all, as mtty has it; the memory is counted beside them.
        assert told[-1]["device_sent"] == 96 * count
        assert told[-1]["ram_sent"] > _MEGABYTES * 1_000_000
        assert len({one["ram_sent"] for one in told}) > 2
        assert lines[-1]["verdict"]["destination"].startswith("running")
        assert (vm.poll(), there.poll()) == (None, None)
