"""States of a host worth keeping: brings the guest into each and captures it. ``states.py FOLDER [NAME ...]``."""

from __future__ import annotations

import asyncio
import os
import subprocess
import sys
import time
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from pathlib import Path

from tests.conformance.kernel import KernelMachine
from tests.conformance.machine import DRIVERS, PCI, plain, set_vfs, to_vfio, virtual_functions, write
from tests.lab.boot import REPOSITORY

State = Callable[[KernelMachine], AsyncIterator[None]]
STATES: dict[str, State] = {}
UUIDS = [f"83b8f4f2-509f-382f-3c1e-e6bfe0fa10{number:02}" for number in range(1, 6)]
UNPRIVILEGED = {"not-root"}


def state(function: State) -> State:
    """Enter a state in the list by its name."""
    STATES[function.__name__.replace("_", "-")] = function
    return function


@state
async def at_rest(machine: KernelMachine) -> AsyncIterator[None]:
    """No VF, no mdev."""
    yield


@state
async def vfs_idle(machine: KernelMachine) -> AsyncIterator[None]:
    """VFs of every PF, none with a driver."""
    await set_vfs(machine, machine.pf, 7)
    await set_vfs(machine, machine.other_pf, 4)
    yield


@state
async def vfs_on_the_host(machine: KernelMachine) -> AsyncIterator[None]:
    """VFs with network interfaces of the host."""
    await set_vfs(machine, machine.pf, 3, autoprobe=True)
    yield


@state
async def vfs_ready(machine: KernelMachine) -> AsyncIterator[None]:
    """VFs on VFIO, on the host, and with an override that no driver answers to."""
    vfs = await set_vfs(machine, machine.pf, 5)
    for vf in vfs[:2]:
        await to_vfio(machine, vf)
    await to_vfio(machine, vfs[2], machine.vf_driver)
    await write(machine, f"{PCI}/{vfs[3]}/driver_override", "nosuchdriver")
    yield


@state
async def mdevs(machine: KernelMachine) -> AsyncIterator[None]:
    """An mdev of each sample driver."""
    for uuid, kind in zip(UUIDS, ("mtty/mtty-1", "mtty/mtty-2", "mdpy/mdpy-hd", "mbochs/mbochs-small"), strict=False):
        parent, _, name = kind.partition("/")
        path = f"/sys/devices/virtual/{parent}/{parent}/mdev_supported_types/{name}/create"
        assert await write(machine, path, uuid) == "OK"
    yield


@state
async def group_not_viable(machine: KernelMachine) -> AsyncIterator[None]:
    """Of two functions in one group, one is on VFIO and one on the host."""
    await to_vfio(machine, machine.sharing[0])
    yield


@state
async def program_holds(machine: KernelMachine) -> AsyncIterator[None]:
    """A program has a VF open, another is free."""
    vfs = await set_vfs(machine, machine.pf, 2)
    for vf in vfs:
        await to_vfio(machine, vf)
    await machine.hold(vfs[0])
    yield


@state
async def not_root(machine: KernelMachine) -> AsyncIterator[None]:
    """The same, seen by somebody who may not look into processes."""
    async for _ in program_holds(machine):
        yield


@state
async def vm_passthrough(machine: KernelMachine) -> AsyncIterator[None]:
    """A VM has a VF, its regions mapped."""
    async with _vm(machine, "x-no-mmap=off"):
        yield


@state
async def vm_trap(machine: KernelMachine) -> AsyncIterator[None]:
    """A VM has a VF, its regions not mapped."""
    async with _vm(machine, "x-no-mmap=on"):
        yield


@state
async def removing_while_held(machine: KernelMachine) -> AsyncIterator[None]:
    """Somebody takes the VFs away while a program holds one: the kernel waits, the PF is locked."""
    vfs = await set_vfs(machine, machine.pf, 3)
    await to_vfio(machine, vfs[0])
    await machine.hold(vfs[0])
    assert await write(machine, f"{PCI}/{machine.pf}/sriov_numvfs", "0", deadline=3.0) == "WAITING"
    yield


@state
async def unbinding_while_held(machine: KernelMachine) -> AsyncIterator[None]:
    """Somebody unbinds a VF that a program holds: its driver link is gone, the program goes on."""
    vf = (await set_vfs(machine, machine.pf, 1))[0]
    await to_vfio(machine, vf)
    await machine.hold(vf)
    assert await write(machine, f"{DRIVERS}/vfio-pci/unbind", vf, deadline=3.0) == "WAITING"
    yield


@state
async def pf_on_vfio(machine: KernelMachine) -> AsyncIterator[None]:
    """VFIO has the PF and made its VFs, which want a token."""
    await to_vfio(machine, machine.other_pf)
    await write(machine, "/sys/module/vfio_pci/parameters/enable_sriov", "1")
    assert await write(machine, f"{PCI}/{machine.other_pf}/sriov_numvfs", "2") == "OK"
    assert len(virtual_functions(machine, machine.other_pf)) == 2
    yield


@state
async def pf_stub(machine: KernelMachine) -> AsyncIterator[None]:
    """A PF without a driver of its own, its VFs made through pci-pf-stub."""
    await set_vfs(machine, machine.stub_pf, 4)
    yield


@asynccontextmanager
async def _vm(machine: KernelMachine, option: str) -> AsyncIterator[None]:
    vf = (await set_vfs(machine, machine.pf, 2))[0]
    await to_vfio(machine, vf)
    words = ["-M", "q35", "-accel", "tcg", "-m", "64M", "-nodefaults", "-display", "none", "-name", "guest=web-1"]
    vm = subprocess.Popen([os.environ["LAB_QEMU"], *words, "-device", f"vfio-pci,host={vf},{option}"])
    try:
        while plain(machine, f"{PCI}/{vf}/enable") == "0":
            assert vm.poll() is None
            await asyncio.sleep(0.2)
        deadline = time.monotonic() + 15
        while "vfio-device" not in Path(f"/proc/{vm.pid}/maps").read_text() and time.monotonic() < deadline:
            await asyncio.sleep(0.5)
        yield
    finally:
        vm.kill()
        vm.wait()


async def capture_all(folder: Path, names: list[str]) -> None:
    """Capture the named states, or all."""
    folder.mkdir(parents=True, exist_ok=True)
    folder.chmod(0o777)
    for name, enter in STATES.items():
        if names and name not in names:
            continue
        machine = KernelMachine()
        async for _ in enter(machine):
            prefix = ["setpriv", "--reuid=65534", "--regid=65534", "--clear-groups"] if name in UNPRIVILEGED else []
            for above in Path(sys.executable).resolve().parents if prefix else ():
                above.chmod(above.stat().st_mode | 0o755)
            words = [*prefix, sys.executable, "-m", "tui", "capture", "--force", str(folder / f"{name}.tar.gz")]
            subprocess.run(words, cwd=REPOSITORY, check=True)
        await machine.close()


if __name__ == "__main__":
    asyncio.run(capture_all(Path(sys.argv[1]), sys.argv[2:]))
