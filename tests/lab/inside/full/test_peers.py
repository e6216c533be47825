"""What iovtop wrote, as the host's other tools read it: the real mdevctl and driverctl."""

from __future__ import annotations

import json
import shutil
import subprocess

import pytest

from backend.model.plan import RunState
from tests.conformance.kernel import KernelMachine
from tests.conformance.machine import MDEV, driver_of, set_vfs
from tests.conformance.operating import Operating
from tests.lab.inside.conftest import SOON

UUID = "11111111-2222-4333-8444-000000000021"


def said(*command: str, check: bool = True) -> str:
    """Return what a tool of the host prints."""
    if shutil.which(command[0]) is None:
        pytest.skip(f"{command[0]} is not installed")
    return subprocess.run(command, capture_output=True, text=True, timeout=SOON, check=check).stdout


async def test_mdevctl_reads_and_starts_what_iovtop_defined(machine: KernelMachine) -> None:
    operating = Operating(machine)
    done = await operating.do("mdev define", uuid=UUID, parent="mtty", type="mtty-2", auto=True)
    assert done[-1].state is RunState.DONE, done
    (defined,) = json.loads(said("mdevctl", "list", "--defined", "--dumpjson"))[0]["mtty"]
    assert defined[UUID]["mdev_type"] == "mtty-2"
    assert defined[UUID]["start"] == "auto"
    said("mdevctl", "start", "--uuid", UUID)
    assert UUID in machine.doors.files.list(MDEV)
    assert (await operating.do("mdev autostart", uuid=UUID, off=True))[-1].state is RunState.DONE
    (line,) = [text for text in said("mdevctl", "list", "--defined").splitlines() if UUID in text]
    assert line.split()[:4] == [UUID, "mtty", "mtty-2", "manual"]
    assert (await operating.do("mdev remove", uuids=[UUID]))[-1].state is RunState.DONE
    assert UUID not in said("mdevctl", "list")
    assert (await operating.do("mdev undefine", uuid=UUID))[-1].state is RunState.DONE
    assert UUID not in said("mdevctl", "list", "--defined")


async def test_iovtop_reads_and_changes_what_mdevctl_defined(machine: KernelMachine) -> None:
    said("mdevctl", "define", "--uuid", UUID, "--parent", "mtty", "--type", "mtty-1")
    operating = Operating(machine)
    assert (await operating.plan("mdev autostart", uuid=UUID, off=True)).steps == ()
    assert (await operating.do("mdev autostart", uuid=UUID))[-1].state is RunState.DONE
    (line,) = [text for text in said("mdevctl", "list", "--defined").splitlines() if UUID in text]
    assert line.split()[3] == "auto"
    said("mdevctl", "undefine", "--uuid", UUID, "--parent", "mtty")
    assert not (await operating.plan("mdev define", uuid=UUID, parent="mtty", type="mtty-1")).steps[0].old


async def test_what_iovtop_made_mdevctl_lists(machine: KernelMachine) -> None:
    operating = Operating(machine)
    done = await operating.do("mdev create", parent="mtty", type="mtty-1", uuids=[UUID])
    assert done[-1].state is RunState.DONE, done
    (line,) = [text for text in said("mdevctl", "list").splitlines() if UUID in text]
    assert line.split()[:3] == [UUID, "mtty", "mtty-1"]


async def test_driverctl_lists_what_iovtop_bound(machine: KernelMachine) -> None:
    (vf,) = await set_vfs(machine, machine.pf, 1)
    operating = Operating(machine)
    assert (await operating.do("bind", device=vf, vfio=True))[-1].state is RunState.DONE
    assert f"{vf} vfio-pci" in said("driverctl", "list-overrides")
    assert (await operating.do("bind", device=vf))[-1].state is RunState.DONE
    # Of no override at all it thinks that the kernel is too old.
    assert vf not in said("driverctl", "list-overrides", check=False)


async def test_iovtop_sees_what_driverctl_keeps_for_the_next_boot(machine: KernelMachine) -> None:
    (vf,) = await set_vfs(machine, machine.pf, 1)
    said("driverctl", "set-override", vf, "vfio-pci")
    try:
        assert driver_of(machine, vf) == "vfio-pci"
        plan = await Operating(machine).plan("bind", device=vf, driver=machine.vf_driver)
        assert any("driverctl binds it to vfio-pci again" in text for text in plan.consequences)
    finally:
        said("driverctl", "--noprobe", "unset-override", vf)
