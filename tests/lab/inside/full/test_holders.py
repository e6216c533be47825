"""Who holds a device, on a real kernel: a program, a VM, somebody whom we may not see."""

from __future__ import annotations

import os
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from tests.conformance.kernel import KernelMachine
from tests.conformance.machine import PCI, plain, set_vfs, to_vfio, write
from tests.lab.inside.conftest import SOON, Snapshot

MDEV = "11111111-2222-4333-8444-00000000000b"
Nested = Callable[..., list[str]]


@contextmanager
def running(command: list[str], ready: Callable[[], bool]) -> Iterator[subprocess.Popen[bytes]]:
    """Run a VM until the end of the block; enter it when ``ready``."""
    process = subprocess.Popen(command, stdin=subprocess.DEVNULL)
    try:
        deadline = time.monotonic() + SOON
        while not ready():
            assert process.poll() is None, "QEMU ended"
            assert time.monotonic() < deadline, "QEMU does not open the device"
            time.sleep(0.2)
        yield process
    finally:
        process.kill()
        process.wait()


async def test_a_program_with_the_device_open(machine: KernelMachine) -> None:
    vf, other = (await set_vfs(machine, machine.pf, 2))[:2]
    await to_vfio(machine, vf)
    await to_vfio(machine, other)
    holder = await machine.hold(vf)
    snapshot = Snapshot()
    (found,) = snapshot.holders(vf)
    assert (found["kind"], found["pid"], found["user"]) == ("process", machine.pid_of(holder), "root")
    assert snapshot.holders(other) == []
    assert snapshot.devices[other]["path"] == "ready"
    assert snapshot.document["host"]["holder_scan"]["complete"]
    await machine.release(holder)
    snapshot = Snapshot()
    assert snapshot.holders(vf) == []
    assert snapshot.devices[vf]["path"] == "ready"


@pytest.mark.parametrize(("no_mmap", "path"), [("off", "passthrough"), ("on", "trap")])
async def test_a_vm_with_a_vf(machine: KernelMachine, nested_qemu: Nested, no_mmap: str, path: str) -> None:
    vf = (await set_vfs(machine, machine.pf, 1))[0]
    await to_vfio(machine, vf)
    command = nested_qemu("-name", "guest=web-1", "-device", f"vfio-pci,host={vf},x-no-mmap={no_mmap}")
    with running(command, lambda: plain(machine, f"{PCI}/{vf}/enable") == "1") as vm:
        # QEMU maps the regions when the VM's firmware gives them their addresses.
        deadline = time.monotonic() + SOON
        while (snapshot := Snapshot()).devices[vf]["path"] != path and time.monotonic() < deadline:
            time.sleep(1)
        assert snapshot.devices[vf]["path"] == path
        (found,) = snapshot.holders(vf)
        assert (found["kind"], found["name"], found["pid"]) == ("vm", "web-1", vm.pid)
    assert Snapshot().holders(vf) == []


async def test_a_vm_with_an_mdev(machine: KernelMachine, nested_qemu: Nested) -> None:
    assert await write(machine, f"{machine.mtty}/mdev_supported_types/mtty-1/create", MDEV) == "OK"
    group = os.path.basename(machine.doors.files.readlink(f"/sys/bus/mdev/devices/{MDEV}/iommu_group"))
    command = nested_qemu(
        *("-name", "serial-box", "-S"),
        *("-device", f"vfio-pci,sysfsdev=/sys/bus/mdev/devices/{MDEV}"),
    )

    def opened() -> bool:
        links = Path("/proc").glob("[0-9]*/fd/*")
        return any(os.path.basename(_target(link)) == group for link in links if "/vfio/" in _target(link))

    with running(command, opened) as vm:
        (found,) = Snapshot().holders(MDEV)
        assert (found["kind"], found["name"], found["pid"]) == ("vm", "serial-box", vm.pid)
    assert Snapshot().holders(MDEV) == []


def _target(link: Path) -> str:
    try:
        return os.readlink(link)
    except OSError:
        return ""


async def test_who_may_not_look_into_processes_says_so(machine: KernelMachine) -> None:
    vf = (await set_vfs(machine, machine.pf, 1))[0]
    await to_vfio(machine, vf)
    holder = await machine.hold(vf)
    for folder in Path(sys.executable).resolve().parents:
        folder.chmod(folder.stat().st_mode | 0o755)
    words = ["setpriv", "--reuid=65534", "--regid=65534", "--clear-groups", sys.executable, "-m", "tui"]
    text = subprocess.run(
        [*words, "snapshot", "--view", "holders"],
        stdin=subprocess.DEVNULL, capture_output=True, text=True, timeout=SOON, check=False,
    )  # fmt: skip
    assert vf in text.stdout, text.stderr
    assert "unseen" in text.stdout or "hidden" in text.stdout
    assert str(machine.pid_of(holder)) not in text.stdout
    await machine.release(holder)
