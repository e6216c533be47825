"""Counters of a real kernel, read while VFs are held and VMs run."""

from __future__ import annotations

import asyncio
import json
import os
import struct
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from backend.counters.all import meter_of
from backend.model.counters import HOST, CounterState, Flow
from backend.model.steps import at_once
from tests.conformance.kernel import KernelMachine
from tests.conformance.machine import PCI, plain, set_vfs, to_vfio
from tests.lab.inside.conftest import SOON, iovtop
from tests.lab.inside.full.test_holders import running
from tests.pictures import picture

EDU = "0x11e8"
"""QEMU's device for teaching."""
Nested = Callable[..., list[str]]
_REGISTERS = Path(__file__).parents[1] / "registers.bin"


class Watch:
    """A meter on the guest's kernel."""

    def __init__(self, machine: KernelMachine) -> None:
        self._doors = machine.doors
        self._meter = meter_of(machine.doors)
        self._host = picture(machine.doors)

    def look(self) -> None:
        """Look at the host anew: who holds what."""
        self._host = picture(self._doors)

    async def tick(self, *ids: str, seconds: float = 1.0) -> None:
        """Measure once."""
        await asyncio.sleep(seconds)
        at_once(self._meter.read(self._host, set(ids)))
        for sampler in self._meter.waiting:
            await self._meter.read_waiting(sampler, self._host, set(ids))

    def flow(self, subject: str, of: str) -> Flow:
        """Return a flow."""
        return next(flow for flow in self._meter.activity[subject] if flow.set.id == of)

    def value(self, subject: str, of: str, counter: str) -> int:
        """Return a figure as it was read last."""
        flow = self.flow(subject, of)
        found = flow.values[[c.id for c in flow.set.counters].index(counter)]
        assert found is not None
        return found

    def close(self) -> None:
        """Let go."""
        self._meter.close()


@pytest.fixture
def watch(machine: KernelMachine) -> Iterator[Watch]:
    found = Watch(machine)
    yield found
    found.close()


async def test_a_held_vf_of_a_driver_that_does_not_count_reads_na_by_netlink(
    machine: KernelMachine, watch: Watch, nested_qemu: Nested
) -> None:
    """Of igb the kernel prints zeroes, whoever has the VF; that they came by netlink shows in the table."""
    vf = (await set_vfs(machine, machine.pf, 2))[0]
    await to_vfio(machine, vf)
    with running(nested_qemu("-device", f"vfio-pci,host={vf}"), lambda: plain(machine, f"{PCI}/{vf}/enable") == "1"):
        watch.look()
        await watch.tick(vf)
        flow = watch.flow(vf, "vf-traffic")
        assert flow.state is CounterState.NOT_COUNTED, flow.reason
        assert "igb does not count per VF" in flow.reason
        table = await machine.doors.links.vfs(flow.instance, statistics=True, deadline=10.0)
        assert (table.parent, table.count, len(table.stats)) == (machine.pf, 2, 2)


async def test_maps_of_the_iommu_are_traced_while_a_vm_takes_a_vf(
    machine: KernelMachine, watch: Watch, nested_qemu: Nested
) -> None:
    vf = (await set_vfs(machine, machine.pf, 1))[0]
    await to_vfio(machine, vf)
    await watch.tick(vf, HOST)
    assert watch.flow(HOST, "tracepoints").values[3] == 0
    with running(nested_qemu("-device", f"vfio-pci,host={vf}"), lambda: plain(machine, f"{PCI}/{vf}/enable") == "1"):
        await watch.tick(vf, HOST, seconds=5.0)
        assert watch.value(HOST, "tracepoints", "iommu/map") > 0
    await watch.tick(vf, HOST)
    assert watch.value(HOST, "tracepoints", "iommu/unmap") > 0


async def test_interrupts_of_a_held_device_are_those_that_it_raised(machine: KernelMachine, watch: Watch) -> None:
    device = next(name for name in os.listdir(PCI) if plain(machine, f"{PCI}/{name}/device") == EDU)
    await to_vfio(machine, device)
    watch.look()
    await watch.tick(device)
    flow = watch.flow(device, "interrupts")
    assert (flow.values, flow.reason) == ((None, 0), "nobody has it open")
    command = [sys.executable, "-m", "tests.lab.inside.interrupting", device]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as holder:
        assert holder.stdin is not None
        assert holder.stdout is not None
        assert holder.stdout.readline() == "ok\n"
        watch.look()
        await watch.tick(device)
        before = watch.value(device, "interrupts", "count")
        assert watch.value(device, "interrupts", "vectors") == 1
        for raised in (3, 40):
            print(raised, file=holder.stdin, flush=True)
            assert holder.stdout.readline() == f"{raised}\n"
            await watch.tick(device)
            assert watch.value(device, "interrupts", "count") - before == raised
            before += raised
            rate = watch.flow(device, "interrupts").rates[0]
            assert rate is not None
            assert 0 < rate <= raised
        await watch.tick(device)
        assert watch.flow(device, "interrupts").rates[0] == 0


async def test_errors_of_pcie_are_what_the_kernel_counts(machine: KernelMachine, watch: Watch) -> None:
    """Injected where the kernel offers it."""
    await watch.tick(machine.pf)
    flow = watch.flow(machine.pf, "aer")
    if not os.path.exists(f"{PCI}/{machine.pf}/aer_dev_correctable"):
        assert flow.state is CounterState.UNSUPPORTED
        return
    before = watch.value(machine.pf, "aer", "correctable")
    subprocess.run(["modprobe", "--quiet", "aer_inject"], check=False)
    if not os.path.exists("/dev/aer_inject"):
        assert flow.values == (before, 0, 0)
        return
    domain, bus, rest = machine.pf.split(":")
    device, function = rest.split(".")
    bad_tlp = 0x40
    error = struct.pack(
        "=BBBxIIIIIII", int(bus, 16), int(device, 16), int(function, 16), 0, bad_tlp, 0, 0, 0, 0, int(domain, 16)
    )
    Path("/dev/aer_inject").write_bytes(error)
    deadline = time.monotonic() + 20
    while watch.value(machine.pf, "aer", "correctable") == before and time.monotonic() < deadline:
        await watch.tick(machine.pf, seconds=10.0)
    assert watch.value(machine.pf, "aer", "correctable") == before + 1


async def test_costs_are_measured_with_every_system_call(machine: KernelMachine) -> None:
    vf = (await set_vfs(machine, machine.pf, 1))[0]
    await to_vfio(machine, vf)
    done = iovtop("doctor", "--cost", "--format", "json")
    assert done.returncode == 0, done.stderr
    document = json.loads(done.stdout)
    assert document["uncounted"] == ""
    costs = {cost["sampler"]: cost for cost in document["samplers"]}
    assert costs["interrupts"]["functions"] >= 1
    # It says 4 for a device without vectors.
    assert 1 <= costs["interrupts"]["syscalls"] / costs["interrupts"]["functions"] <= 8
    assert costs["netdev"]["syscalls"] > costs["netdev"]["reads"] >= 8


async def test_a_recording_of_the_real_host_plays(machine: KernelMachine, tmp_path: Path) -> None:
    vf = (await set_vfs(machine, machine.pf, 1))[0]
    await to_vfio(machine, vf)
    done = iovtop("record", str(tmp_path / "r"), "--for", "60")
    assert done.returncode == 0, done.stderr
    told = iovtop("replay", str(tmp_path / "r"), "--format", "json")
    assert told.returncode == 0, told.stderr
    about = json.loads(told.stdout)
    assert (about["simulated"], about["ended"], about["gaps"]) == (False, True, [])
    assert {"netdev", "interrupts"} <= about["counters"].keys()


async def test_a_pf_and_a_vf_on_the_host_have_their_traffic(machine: KernelMachine, watch: Watch) -> None:
    vf = (await set_vfs(machine, machine.pf, 1, autoprobe=True))[0]
    deadline = time.monotonic() + 30
    while not machine.doors.files.list(f"{PCI}/{vf}/net") and time.monotonic() < deadline:
        await asyncio.sleep(0.2)
    # udev may be about to give them other names.
    for device in (vf, machine.pf):
        watch.look()
        await watch.tick(vf, machine.pf)
        while watch.flow(device, "netdev").values[2] is None and time.monotonic() < deadline:
            watch.look()
            await watch.tick(vf, machine.pf)
        flow = watch.flow(device, "netdev")
        file = f"/sys/class/net/{flow.instance}/statistics/rx_packets"
        assert flow.values[2] is not None
        assert 0 <= int(machine.doors.files.read(file)) - flow.values[2] < 1000
    assert watch.flow(vf, "netdev").instance in machine.doors.files.list(f"{PCI}/{vf}/net")


@pytest.mark.parametrize("no_mmap", ["off", "on"])
async def test_traps_of_a_vm_rise_only_while_its_device_is_trapped(
    machine: KernelMachine, watch: Watch, tmp_path: Path, no_mmap: str
) -> None:
    """KVM runs inside the emulated processor; the guest reads a register of its VF all the time."""
    subprocess.run(["modprobe", "--all", "--quiet", "kvm-intel", "kvm-amd"], check=False)
    vf = (await set_vfs(machine, machine.pf, 1))[0]
    await to_vfio(machine, vf)
    disk = tmp_path / "registers.img"
    disk.write_bytes(_REGISTERS.read_bytes().ljust(1 << 20, b"\0"))
    command = [os.environ["LAB_QEMU"], "-M", "q35", "-accel", "kvm", "-cpu", "qemu64", "-m", "64M", "-nodefaults"]
    command += ["-display", "none", "-device", f"vfio-pci,host={vf},addr=5,x-no-mmap={no_mmap}"]
    command += ["-drive", f"file={disk},if=ide,format=raw,snapshot=on"]
    with running(command, lambda: plain(machine, f"{PCI}/{vf}/enable") == "1") as vm:
        subject = f"pid:{vm.pid}"
        watch.look()
        await watch.tick(vf)
        # The firmware comes first: it does not touch the VF's registers.
        deadline = time.monotonic() + SOON
        risen = 0
        while risen < 3 and time.monotonic() < deadline:
            before, exits = watch.value(subject, "kvm", "mmio_exits"), watch.value(subject, "kvm", "exits")
            await watch.tick(vf, seconds=5.0)
            rise = watch.value(subject, "kvm", "mmio_exits") - before
            runs = watch.value(subject, "kvm", "exits") > exits and before > 0  # the firmware uses emulated memory
            # Both ways it takes three looks that agree: steady rises, or none at all, of a guest that runs.
            agrees = runs and (rise > 100 if no_mmap == "on" else rise == 0)
            risen = risen + 1 if agrees else 0
        assert risen == 3


async def test_the_temperature_of_a_disk_is_what_its_driver_tells(machine: KernelMachine, watch: Watch) -> None:
    chip = next(chip for chip in Path("/sys/class/hwmon").iterdir() if (chip / "name").read_text() == "nvme\n")
    disk = next(part for part in reversed(chip.resolve().parts) if part.count(":") == 2)
    watch.look()
    for _ in range(5):  # a slow sampler waits for its turn
        await watch.tick(disk)
    assert watch.value(disk, "hwmon", "temp1_input") == int((chip / "temp1_input").read_text())
    assert watch.flow(disk, "hwmon").values[1:] == (None, None, None)
