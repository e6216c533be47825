"""A host without an IOMMU: everything is shown, nothing can be given to a guest, and it says why."""

from __future__ import annotations

import os

from tests.conformance.kernel import KernelMachine
from tests.conformance.machine import PCI, driver_of, plain, set_vfs, write
from tests.lab.inside.conftest import Snapshot, iovtop


async def test_the_tree_is_whole_and_without_groups(machine: KernelMachine) -> None:
    vfs = await set_vfs(machine, machine.pf, 3)
    snapshot = Snapshot()
    assert set(snapshot.devices) == set(os.listdir(PCI))
    iommu = snapshot.document["host"]["iommu"]
    assert (iommu["units"], iommu["label"]) == ([], "no IOMMU")
    assert snapshot.document["groups"] == []
    assert snapshot.devices[machine.pf]["sriov"]["vfs"] == vfs
    assert {snapshot.devices[vf]["group"] for vf in vfs} == {None}


async def test_vfio_does_not_take_a_device(machine: KernelMachine) -> None:
    vf = (await set_vfs(machine, machine.pf, 1))[0]
    assert await write(machine, f"{PCI}/{vf}/driver_override", "vfio-pci") == "OK"
    assert await write(machine, "/sys/bus/pci/drivers/vfio-pci/bind", vf) == "EINVAL"
    assert driver_of(machine, vf) == ""
    assert plain(machine, f"{PCI}/{vf}/driver_override") == "vfio-pci"


async def test_it_is_said_in_words(machine: KernelMachine) -> None:
    assert "no IOMMU" in iovtop("snapshot").stdout
    assert "IOMMU" in iovtop("doctor").stdout
