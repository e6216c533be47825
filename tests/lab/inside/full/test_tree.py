"""The tree of a real kernel: functions, groups, and agreement with the tools people use today."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from tests.conformance.kernel import KernelMachine
from tests.conformance.machine import PCI, group_of, set_vfs, to_vfio, write
from tests.differential.peers import COMMANDS, TOOLS, Outputs, check_driverctl, check_lspci, check_mdevctl
from tests.lab.boot import REPOSITORY
from tests.lab.inside.conftest import Snapshot

MDEV = "11111111-2222-4333-8444-00000000000a"


async def busy(machine: KernelMachine) -> list[str]:
    """Bring up VFs, drivers and mdevs; return the VFs."""
    vfs = await set_vfs(machine, machine.pf, 4)
    others = await set_vfs(machine, machine.other_pf, 2)
    await to_vfio(machine, vfs[0])
    await to_vfio(machine, others[1])
    assert await write(machine, f"{machine.mtty}/mdev_supported_types/mtty-2/create", MDEV) == "OK"
    return [*vfs, *others]


async def test_every_function_is_in_its_place(machine: KernelMachine) -> None:
    vfs = await busy(machine)
    snapshot = Snapshot()
    assert snapshot.document["source"]["kind"] == "live"
    assert snapshot.document["host"]["kernel"] == os.uname().release
    iommu = snapshot.document["host"]["iommu"]
    assert (iommu["units"][0], iommu["label"]) == ("dmar0", "Intel VT-d")
    assert set(snapshot.devices) == {*os.listdir(PCI), MDEV}
    assert snapshot.devices[machine.pf]["sriov"]["vfs"] == vfs[:4]
    assert [snapshot.devices[vf]["index"] for vf in vfs] == [0, 1, 2, 3, 0, 1]
    assert {snapshot.devices[vf]["parent"] for vf in vfs[:4]} == {machine.pf}
    assert [snapshot.devices[vf]["path"] for vf in vfs] == ["ready", "idle", "idle", "idle", "idle", "ready"]
    mdev = snapshot.devices[MDEV]
    assert (mdev["kind"], mdev["mdev_type"], mdev["path"], mdev["parent"]) == ("mdev", "mtty-2", "ready", "mtty")
    assert all(snapshot.devices[vf]["group"] == int(group_of(machine, vf)) for vf in vfs)
    assert not any(device["notes"] for device in snapshot.devices.values())


async def test_a_shared_group_names_who_stands_in_the_way(machine: KernelMachine) -> None:
    first, second = machine.sharing
    if not first:
        pytest.skip("no two functions of one group have a host driver")
    assert set(Snapshot().group(first)["viability"]["culprits"]) == {first, second}
    await to_vfio(machine, first)
    verdict = Snapshot().group(first)["viability"]
    assert (verdict["viable"], verdict["culprits"]) == (False, [second])
    assert machine.sharing_driver in verdict["reason"]
    with pytest.raises(PermissionError):
        await machine.hold(first)
    assert await write(machine, f"{PCI}/{second}/driver/unbind", second) == "OK"
    assert Snapshot().group(first)["viability"]["viable"]
    await machine.release(await machine.hold(first))


async def test_we_agree_with_our_peers(machine: KernelMachine, tmp_path: Path) -> None:
    assert all(shutil.which(tool) for tool in TOOLS)
    await busy(machine)
    environment = {**os.environ, "PYTHON": sys.executable, "PYTHONPATH": str(REPOSITORY), "LC_ALL": "C"}
    subprocess.run(["sh", "-ec", COMMANDS], cwd=tmp_path, env=environment, check=True, timeout=300)
    outputs = Outputs(tmp_path)
    check_lspci(outputs)
    check_mdevctl(outputs)
    check_driverctl(outputs)
    assert outputs.mdevs() == {(MDEV, "mtty", "mtty-2")}
