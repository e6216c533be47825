"""A live view of a real kernel: nothing is lost in a storm, and nothing hangs when the kernel does."""

from __future__ import annotations

import asyncio
import contextlib
import time
from pathlib import Path

from backend.host.linux import LinuxHost
from backend.model.host import Host
from backend.model.ids import PciAddress
from backend.state.live import Live
from tests.conformance.kernel import KernelMachine
from tests.conformance.machine import PCI, set_vfs, to_vfio, virtual_functions, write
from tests.lab.inside.conftest import SOON, Snapshot, iovtop
from tests.pictures import picture
from tests.tui.pseudo_terminal import PseudoTerminal

TERMINAL = {"TERM": "xterm-256color", "LC_ALL": "C.UTF-8"}


def tree_of(host: Host) -> dict[str, tuple[str, str, int | None, str]]:
    """Return what a storm changes: device → kind, driver, group, parent."""
    return {str(d.id): (d.kind.value, d.driver, d.group, d.parent) for d in host.devices.values()}


async def test_a_storm_of_vfs_ends_in_the_truth(machine: KernelMachine) -> None:
    doors = LinuxHost()
    live = Live(doors)
    seen: set[int] = set()

    async def follow() -> None:
        async with contextlib.aclosing(live.deltas()) as deltas:
            async for delta in deltas:
                pf = delta.new.devices[PciAddress(machine.pf)]
                seen.add(len(pf.sriov.vfs) if pf.sriov else -1)

    following = asyncio.create_task(follow())
    while not seen:
        await asyncio.sleep(0.1)
    await write(machine, f"{PCI}/{machine.pf}/sriov_drivers_autoprobe", "0")
    for _ in range(4):
        for number in (7, 0):
            assert await write(machine, f"{PCI}/{machine.pf}/sriov_numvfs", str(number)) == "OK"
    last = (await set_vfs(machine, machine.pf, 5))[-1]
    await to_vfio(machine, last)
    deadline = time.monotonic() + SOON
    while (truth := tree_of(picture(doors))) != (live.host and tree_of(live.host)):
        assert time.monotonic() < deadline
        await asyncio.sleep(0.5)
    assert truth[last][1] == "vfio-pci"
    assert len(seen) > 1
    following.cancel()
    await asyncio.gather(following, return_exceptions=True)
    live.close()
    doors.close()


async def test_nothing_hangs_while_the_pf_is_locked(machine: KernelMachine, tmp_path: Path) -> None:
    vf = (await set_vfs(machine, machine.pf, 3))[0]
    await to_vfio(machine, vf)
    holder = await machine.hold(vf)
    assert await write(machine, f"{PCI}/{machine.pf}/sriov_numvfs", "0", deadline=3.0) == "WAITING"
    snapshot = Snapshot()
    (found,) = snapshot.holders(vf)
    assert found["pid"] == machine.pid_of(holder)
    assert iovtop("doctor").returncode in (0, 1)
    terminal = PseudoTerminal(["-m", "tui"], {**TERMINAL, "HOME": str(tmp_path)})
    try:
        terminal.until(machine.pf.encode(), SOON)
        for key in (b"j", b"j", b"\r", b"2", b"3", b"1"):
            terminal.type(key)
            terminal.read(2)
        terminal.type(b"q")
        terminal.ended_within(SOON)
        assert terminal.code == 0
        assert terminal.strangers() == []
    finally:
        terminal.close()
    # Still locked: nothing above has waited for its end.
    assert vf in machine.doors.files.list(PCI)
    await machine.release(holder)


async def test_the_dashboard_shows_vfs_as_they_come(machine: KernelMachine, tmp_path: Path) -> None:
    terminal = PseudoTerminal(["-m", "tui"], {**TERMINAL, "HOME": str(tmp_path)}, (140, 50))
    try:
        terminal.until(machine.pf.encode(), SOON)
        terminal.type(b"*")
        vfs = await set_vfs(machine, machine.pf, 3)
        assert virtual_functions(machine, machine.pf) == vfs
        terminal.until(vfs[2].removeprefix("0000:").encode(), SOON)
        terminal.type(b"q")
        terminal.ended_within(SOON)
        assert terminal.code == 0
    finally:
        terminal.close()
