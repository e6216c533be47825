"""The doors of a simulated host: faults on order, deadlines, privileges, events, the timeline."""

from __future__ import annotations

import asyncio
import errno
import subprocess
import sys
from collections.abc import AsyncIterator, Awaitable, Callable

import pytest

from backend.host.doors import Event, HostDoors, Overflow, StillWaiting, Uevent
from backend.simhost import open_simulated
from backend.simhost.clock import ManualClock, settle
from backend.simhost.faults import WouldHang
from backend.simhost.host import SimulatedHost

PCI = "/sys/bus/pci/devices"
PF = f"{PCI}/0000:01:00.0"
HELD = "0000:01:10.0"


@pytest.fixture
def clock() -> ManualClock:
    return ManualClock()


@pytest.fixture
def host(clock: ManualClock) -> SimulatedHost:
    return open_simulated("lab", clock=clock)


class Listener:
    """Collects the events of a host."""

    def __init__(self, host: SimulatedHost) -> None:
        self.events: list[Event] = []
        self.task = asyncio.create_task(self._listen(host))

    async def _listen(self, host: SimulatedHost) -> None:
        async for event in host.events.stream():
            self.events.append(event)

    def about(self, name: str) -> list[str]:
        return [e.action for e in self.events if isinstance(e, Uevent) and e.devpath.endswith(f"/{name}")]


@pytest.fixture
async def listen() -> AsyncIterator[Callable[[SimulatedHost], Awaitable[Listener]]]:
    found: list[Listener] = []

    async def start(host: SimulatedHost) -> Listener:
        found.append(Listener(host))
        await settle()
        return found[-1]

    yield start
    for listener in found:
        listener.task.cancel()
        await asyncio.gather(listener.task, return_exceptions=True)


Listen = Callable[[SimulatedHost], Awaitable[Listener]]


def test_it_is_a_host(host: SimulatedHost) -> None:
    doors: HostDoors = host
    assert doors.name() == "lab"
    assert doors.clock is host.clock


def test_importing_the_package_loads_next_to_nothing() -> None:
    code = "import sys, backend.simhost; backend.simhost.scenario_names(); print(*sys.modules)"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, check=True, text=True)
    loaded = set(done.stdout.split())
    assert "backend.simhost" in loaded
    assert not loaded & {"asyncio", "dataclasses", "tomllib", "backend.simhost.kernel", "backend.host.doors"}


# -- faults


def test_the_kth_call_fails(host: SimulatedHost) -> None:
    host.faults.fail_reads(2, errno.EIO)
    host.files.list(PCI)
    with pytest.raises(OSError, match="Input/output"):
        host.files.read(f"{PF}/vendor")
    assert host.files.read(f"{PF}/vendor") == b"0x8086\n"
    assert host.faults.calls == 3


def test_calls_of_an_open_directory_count_too(host: SimulatedHost) -> None:
    with host.files.open_dir(PF) as directory:
        before = host.faults.calls
        directory.read("vendor")
        directory.readlink("driver")
        directory.list()
        assert host.faults.calls == before + 3
        host.faults.fail_reads(1, errno.ENODEV)
        with pytest.raises(OSError, match="No such device"):
            directory.read("vendor")


def test_a_path_can_fail_for_as_long_as_wanted(host: SimulatedHost) -> None:
    host.faults.fail_path("/proc/interrupts", errno.EACCES)
    for _ in range(2):
        with pytest.raises(PermissionError):
            host.files.read("/proc/interrupts")
    host.faults.fail_path("/proc/interrupts", 0)
    assert b"CPU0" in host.files.read("/proc/interrupts")


async def test_a_plain_read_of_a_locked_attribute_is_a_bug_of_ours(host: SimulatedHost) -> None:
    host.kernel.write(f"{PF}/sriov_numvfs", "0")
    with pytest.raises(WouldHang):
        host.files.read(f"{PF}/sriov_numvfs")
    with host.files.open_dir(PF) as directory, pytest.raises(WouldHang):
        directory.read("sriov_vf_total_msix")


async def test_hanging_reads(host: SimulatedHost, clock: ManualClock) -> None:
    path = f"{PF}/power_state"
    host.faults.hang_reads(path)
    with pytest.raises(StillWaiting) as raised:
        await clock.run(host.guarded.read(path, deadline=4.0))
    assert raised.value.waited == 4.0
    with pytest.raises(WouldHang):
        host.files.read(path)
    host.faults.hang_reads(path, False)
    assert await host.guarded.read(path, deadline=4.0) == b"D0\n"


# -- guarded accesses


async def test_a_write_that_was_left_behind_goes_on(host: SimulatedHost, clock: ManualClock) -> None:
    with pytest.raises(StillWaiting) as raised:
        await clock.run(host.guarded.write(f"{PF}/sriov_numvfs", b"0\n", deadline=5.0))
    assert raised.value.wchan == "vfio_unregister_group_dev"
    assert raised.value.pid > 0
    assert clock.monotonic() == 5.0
    host.kernel.release(2101)
    assert HELD not in host.files.list(PCI)
    assert host.files.read(f"{PF}/sriov_numvfs") == b"0\n"


async def test_a_writer_is_woken_by_the_release(host: SimulatedHost, clock: ManualClock) -> None:
    task = asyncio.create_task(host.guarded.write(f"{PF}/sriov_numvfs", b"0\n", deadline=60.0))
    await settle()
    assert not task.done()
    clock.advance(7.0)
    host.kernel.release(2101)
    await settle()
    assert task.done()
    assert clock.monotonic() == 7.0
    await task


async def test_a_job_ends_in_another_event_loop(clock: ManualClock) -> None:
    host = open_simulated("lab", clock=clock)

    def elsewhere() -> None:
        async def give_up() -> None:
            with pytest.raises(StillWaiting):
                await clock.run(host.guarded.write(f"{PF}/sriov_numvfs", b"0", deadline=1.0))

        asyncio.run(give_up())

    await asyncio.to_thread(elsewhere)
    host.kernel.release(2101)
    assert await host.guarded.read(f"{PF}/sriov_numvfs", deadline=1.0) == b"0\n"


async def test_vfs_appear_one_by_one(clock: ManualClock) -> None:
    host = open_simulated("duo", clock=clock)
    pf = f"{PCI}/0000:c1:00.1"
    host.kernel.release(20410)
    await clock.run(host.guarded.write(f"{pf}/sriov_numvfs", b"0", deadline=60.0))
    job = host.kernel.write(f"{pf}/sriov_numvfs", "6")

    def count() -> int:
        return sum(name.startswith("virtfn") for name in host.files.list(pf))

    counts = []
    while not job.done:
        counts.append(count())
        clock.advance(0.05)
    counts.append(count())
    assert counts == sorted(counts)
    assert sorted(set(counts)) == [1, 2, 3, 4, 5, 6]


async def test_a_held_vf_stops_all_changes_of_vfs_on_a_new_kernel(clock: ManualClock) -> None:
    host = open_simulated("duo", clock=clock)
    host.kernel.write(f"{PCI}/0000:c1:00.0/sriov_numvfs", "0")  # web-2 holds VF 0
    host.kernel.release(20410)
    with pytest.raises(StillWaiting) as raised:
        await clock.run(host.guarded.write(f"{PCI}/0000:c1:00.1/sriov_numvfs", b"0", deadline=30.0))
    assert raised.value.wchan == "pci_lock_rescan_remove"


async def test_an_unprivileged_writer(clock: ManualClock) -> None:
    host = open_simulated("lab", clock=clock, privileged=False)
    with pytest.raises(PermissionError):
        await host.guarded.write(f"{PF}/sriov_numvfs", b"0", deadline=1.0)
    assert await host.guarded.read(f"{PF}/sriov_numvfs", deadline=1.0) == b"7\n"


async def test_an_error_names_the_file(host: SimulatedHost) -> None:
    with pytest.raises(OSError, match="sriov_numvfs") as raised:
        await host.guarded.write(f"{PF}/sriov_numvfs", b"99", deadline=1.0)
    assert raised.value.errno == errno.ERANGE


# -- processes and devices coming and going


def test_a_vm_starts_and_stops(host: SimulatedHost) -> None:
    process = host.kernel.start_vm("guest", ["0000:02:10.2"])
    assert process.pid in host.processes.pids()
    assert "host" in " ".join(host.processes.describe(process.pid).argv)
    assert host.files.read(f"{PCI}/0000:02:10.2/enable") == b"1\n"
    assert b"vfio-msix[0](0000:02:10.2)" in host.files.read("/proc/interrupts")
    host.kernel.release(process.pid)
    assert process.pid not in host.processes.pids()
    assert host.files.read(f"{PCI}/0000:02:10.2/enable") == b"0\n"
    assert b"0000:02:10.2" not in host.files.read("/proc/interrupts")
    with pytest.raises(ProcessLookupError):
        host.processes.describe(process.pid)


def test_a_vm_that_cannot_have_its_device_does_not_start(host: SimulatedHost) -> None:
    before = list(host.processes.pids())
    with pytest.raises(OSError, match="busy"):
        host.kernel.start_vm("thief", [HELD])
    assert list(host.processes.pids()) == before


def test_one_device_of_several_is_closed(host: SimulatedHost) -> None:
    pid = 2102
    vf, mdev = "0000:02:10.0", "83b8f4f2-509f-382f-3c1e-e6bfe0fa1001"
    host.kernel.close_device(pid, vf)
    targets = [host.files.readlink(f"/proc/{pid}/fd/{n}") for n in host.files.list(f"/proc/{pid}/fd")]
    assert targets.count("anon_inode:[vfio-device]") == 1
    assert "vfio-device" not in host.files.read(f"/proc/{pid}/maps").decode()
    with pytest.raises(OSError, match="busy"):
        host.kernel.start_vm("thief", [mdev])
    host.kernel.start_vm("heir", [vf])


def test_unplug_in_the_middle_of_a_scan(host: SimulatedHost) -> None:
    with host.files.open_dir(f"{PCI}/0000:04:00.0") as directory:
        assert host.kernel.unplug("0000:04:00.0").done
        with pytest.raises(FileNotFoundError):
            directory.read("vendor")
        assert directory.list() == []
    assert "0000:04:00.0" not in host.files.list(PCI)
    assert "nvme1n1" not in host.files.list("/sys/block")
    assert not any(
        "0000:04:00.0" in host.files.readlink(f"/sys/class/nvme/{n}") for n in host.files.list("/sys/class/nvme")
    )


def test_unplug_of_a_pf_takes_its_vfs_and_waits_for_their_users(host: SimulatedHost) -> None:
    job = host.kernel.unplug("0000:01:00.0")
    assert not job.done
    host.kernel.release(2101)
    assert job.done
    assert not [n for n in host.files.list(PCI) if n.startswith("0000:01:")]
    assert "12" not in host.files.list("/sys/kernel/iommu_groups")


async def test_remove_and_rescan(host: SimulatedHost, clock: ManualClock) -> None:
    before = host.files.list(f"{PCI}/0000:04:00.0")
    await clock.run(host.guarded.write(f"{PCI}/0000:04:00.0/remove", b"1", deadline=9.0))
    assert "0000:04:00.0" not in host.files.list(PCI)
    await clock.run(host.guarded.write("/sys/bus/pci/rescan", b"1", deadline=9.0))
    assert sorted(host.files.list(f"{PCI}/0000:04:00.0")) == sorted(before)


async def test_an_interface_moves_into_a_container(host: SimulatedHost, listen: Listen) -> None:
    listener = await listen(host)
    vf = f"{PCI}/0000:01:11.0"
    host.kernel.network.move_out(host.kernel.network.devices["enp1s0v4"], 4711)
    await settle()
    assert "enp1s0v4" not in host.files.list("/sys/class/net")
    assert host.files.list(f"{vf}/net") == []
    assert "igbvf" in host.files.readlink(f"{vf}/driver")
    assert listener.about("enp1s0v4") == ["remove"]
    host.kernel.write(f"{vf}/driver/unbind", "0000:01:11.0")
    assert "net" not in host.files.list(vf)


# -- events and the timeline


async def test_kvm_events(host: SimulatedHost, listen: Listen) -> None:
    listener = await listen(host)
    pid = host.kernel.start_vm("guest").pid
    host.kernel.release(pid)
    await settle()
    found = [e.properties for e in listener.events if isinstance(e, Uevent) and e.subsystem == "misc"]
    assert [e["EVENT"] for e in found] == ["create", "destroy"]
    assert {e["PID"] for e in found} == {str(pid)}
    assert int(found[0]["COUNT"]) == int(found[1]["COUNT"]) + 1


async def test_an_mdev_parent_announces_itself(listen: Listen, clock: ManualClock) -> None:
    host = open_simulated("vgpu", clock=clock)
    listener = await listen(host)
    vf = "0000:81:00.6"
    await clock.run(host.guarded.write(f"{PCI}/{vf}/driver/unbind", vf.encode(), deadline=9.0))
    assert vf not in host.files.list("/sys/class/mdev_bus")
    await clock.run(host.guarded.write("/sys/bus/pci/drivers/nvidia/bind", vf.encode(), deadline=9.0))
    await settle()
    assert vf in host.files.list("/sys/class/mdev_bus")
    states = [
        e.properties["MDEV_STATE"] for e in listener.events if isinstance(e, Uevent) and "MDEV_STATE" in e.properties
    ]
    assert states == ["unregistered", "registered"]


async def test_lost_events_are_told(host: SimulatedHost, listen: Listen) -> None:
    listener = await listen(host)
    host.kernel.core.events.limit = 3
    await host.guarded.write(f"{PCI}/0000:03:00.0/sriov_drivers_autoprobe", b"0", deadline=1.0)
    host.kernel.release(2103)
    host.kernel.write(f"{PCI}/0000:03:00.0/sriov_numvfs", "0")
    await settle()
    assert isinstance(listener.events[-1], Overflow)
    assert len(listener.events) == 4
    host.kernel.core.events.limit = 1000
    host.kernel.release(host.kernel.start_vm("guest").pid)
    await settle()
    assert len(listener.events) == 6


async def test_an_overflow_on_order(host: SimulatedHost, listen: Listen) -> None:
    listener = await listen(host)
    host.kernel.core.events.overflow()
    await settle()
    assert listener.events == [Overflow()]


def test_a_snapshot_stands_still(host: SimulatedHost, clock: ManualClock) -> None:
    before = host.files.read("/sys/class/net/enp1s0/statistics/rx_bytes")
    clock.advance(1000.0)
    assert host.files.read("/sys/class/net/enp1s0/statistics/rx_bytes") == before
    assert "batch" not in str([host.processes.describe(pid).argv for pid in host.processes.pids()])


def vms(host: SimulatedHost) -> int:
    return sum(host.processes.describe(pid).name.startswith("qemu") for pid in host.processes.pids())


def test_the_timeline_moves_with_the_clock_only(host: SimulatedHost, clock: ManualClock) -> None:
    host.run()
    host.run()
    before = vms(host)
    clock.advance(5.9)
    assert vms(host) == before
    clock.advance(0.2)
    assert vms(host) == before + 1
    assert host.files.read(f"{PCI}/0000:01:10.2/enable") == b"1\n"
    clock.advance(15.0)
    assert vms(host) == before
    clock.advance(15.0)
    assert vms(host) == before + 1  # and again
    traffic = int(host.files.read("/sys/class/net/enp1s0/statistics/rx_bytes"))
    clock.advance(1.0)
    assert 0 < int(host.files.read("/sys/class/net/enp1s0/statistics/rx_bytes")) - traffic < 2 * 48_000


async def test_listening_starts_the_timeline(host: SimulatedHost, clock: ManualClock, listen: Listen) -> None:
    listener = await listen(host)
    await clock.advance_to_each(20.0)
    uuid = "83b8f4f2-509f-382f-3c1e-e6bfe0fa1006"
    assert listener.about(uuid) == ["add", "bind", "unbind", "remove"]


def test_the_timeline_is_the_same_in_small_steps() -> None:
    ends = []
    for step in (50.0, 0.5):
        clock = ManualClock()
        host = open_simulated("lab", clock=clock)
        host.run()
        while clock.monotonic() < 50.0:
            clock.advance(step)
        errors = host.files.read(f"{PCI}/0000:02:00.0/aer_dev_correctable")
        ends.append((vms(host), errors, sorted(host.files.list("/sys/bus/mdev/devices"))))
    assert ends[0] == ends[1]


def test_what_the_timeline_cannot_do_is_skipped(host: SimulatedHost, clock: ManualClock) -> None:
    host.run()
    host.kernel.unplug("0000:02:00.0")
    host.kernel.start_vm("squatter", ["0000:01:10.2"])
    clock.advance(100.0)
    assert "0000:01:00.0" in host.files.list(PCI)
