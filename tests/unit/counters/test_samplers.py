"""What each sampler reads of a host, and what it says where there is nothing to read."""

from __future__ import annotations

from pathlib import Path

import pytest

from backend.counters.all import samplers_of, waiting_samplers_of
from backend.counters.drm import parse_client
from backend.host.linux import LinuxHost
from backend.model.counters import CounterState
from backend.simhost.function import NetPlan
from tests.pictures import simulated
from tests.unit.counters.measuring import Measured

PF, HELD, READY = "0000:c1:00.0", "0000:c1:00.2", "0000:c1:00.6"
WEB = "pid:20211"


@pytest.fixture(scope="module")
def duo() -> Measured:
    measured = Measured("duo")
    measured.tick()
    measured.tick()
    return measured


def test_a_pf_has_the_traffic_of_its_interface(duo: Measured) -> None:
    flow = duo.flow(PF, "netdev")
    assert flow.instance == "ens3f0np0"
    assert flow.state is CounterState.KNOWN
    assert 9e6 < (flow.rates[0] or 0) < 360e6  # the scenario's mean is 180 MB/s
    assert flow.values[0] == int(duo.doors.files.read("/sys/class/net/ens3f0np0/statistics/rx_bytes"))


def test_a_disk_has_its_bytes_and_operations(duo: Measured) -> None:
    flow = duo.flow("0000:01:00.0", "block")
    assert flow.instance == "nvme0n1"
    assert (flow.rates[0] or 0) > 1e6
    assert 0 < (flow.rates[5] or 0) < 1e9  # busy: less than all the time


def test_a_held_vf_has_interrupts_and_a_free_one_says_why_not(duo: Measured) -> None:
    assert (duo.rate(HELD, "interrupts", "count") or 0) > 100
    free = duo.flow(READY, "interrupts")
    assert free.rates == (None, 0.0)
    assert free.reason == "nobody has it open"


def test_a_vm_has_exits_cpu_and_pinned_memory(duo: Measured) -> None:
    assert (duo.rate(WEB, "kvm", "exits") or 0) > 100
    assert 0 < (duo.rate(WEB, "process", "cpu") or 0) < 4e9
    assert duo.rate(WEB, "process", "pinned") == 8192 << 20


def test_traps_rise_when_the_data_path_is_trap() -> None:
    measured = Measured("duo")
    kernel = measured.doors.kernel
    trapped = kernel.start_vm("trapped", [READY], mapped=False)
    measured.look_again()
    measured.tick()
    measured.tick()
    mapped = measured.rate(WEB, "kvm", "mmio_exits")
    traps = measured.rate(f"pid:{trapped.pid}", "kvm", "mmio_exits")
    assert mapped is not None
    assert traps is not None
    assert traps > 20 * mapped
    assert "all accesses of this VM" in measured.flow(WEB, "kvm").reason


def test_what_needs_root_says_so() -> None:
    measured = Measured("duo", privileged=False)
    measured.tick()
    flows = [flow for flows in measured.meter.activity.values() for flow in flows if flow.set.id == "kvm"]
    assert {flow.state for flow in flows} <= {CounterState.HIDDEN}
    assert all("needs root" in flow.reason for flow in flows)


def test_a_sleeping_device_is_not_asked_for_its_link() -> None:
    measured = Measured("messy")
    asleep = [
        f for f in measured.doors.kernel.pci.functions.values()
        if f.asleep and f.pf is None and f.model.pcie and f.model.link[1] and not f.model.port
    ]  # fmt: skip
    assert asleep
    for function in asleep:
        for name in ("current_link_speed", "current_link_width"):
            measured.doors.faults.hang_reads(f"/sys/bus/pci/devices/{function.address}/{name}")
    measured.tick()
    flow = measured.flow(asleep[0].address, "link")
    assert flow.state is CounterState.ASLEEP
    assert flow.values == (None, None)


def test_a_link_and_errors_are_levels_and_totals(duo: Measured) -> None:
    assert duo.flow(PF, "link").rates == (32000.0, 16.0)
    assert duo.flow(PF, "aer").values == (0, 0, 0)


def test_interrupts_that_stand_still_are_posted_only_where_the_host_can_post() -> None:
    measured = Measured("duo")
    kernel = measured.doors.kernel
    for irq in kernel.irqs._all.values():
        irq.rate = 0.0
    measured.tick()
    measured.tick()
    unable = measured.flow(HELD, "interrupts")
    assert (unable.state, unable.rates[0]) == (CounterState.KNOWN, 0.0)

    able = Measured("duo")
    files = able.doors.kernel.core.sys
    files.dir("module").dir("kvm_intel").dir("parameters").file("enable_apicv", "Y\n")
    unit = able.host.devices[next(i for i in able.host.devices if i == HELD)].iommu_unit
    files.dir("devices").dir("virtual").dir("iommu").dir(unit).dir("intel-iommu").file("cap", "8d2078c106f0466\n")
    able.tick()
    able.tick()
    assert able.flow(HELD, "interrupts").state is CounterState.KNOWN  # they still move
    for irq in able.doors.kernel.irqs._all.values():
        irq.rate = 0.0
    able.tick()
    able.tick()
    posted = able.flow(HELD, "interrupts")
    assert posted.state is CounterState.POSTED
    assert posted.rates == (None, None)
    assert "kvm_intel enable_apicv" in posted.reason


def test_a_representor_belongs_to_its_vf_and_is_turned_round() -> None:
    measured = Measured("duo")
    kernel = measured.doors.kernel
    function = kernel.pci.functions[PF]
    plan = NetPlan(name="ens3f0npf0vf0", up=True, port="pf0vf0", switch="00d2", rate=1_000_000)
    kernel.network.add(function, plan)
    measured.look_again()
    measured.tick()
    measured.tick()
    flow = measured.flow(HELD, "representor")
    assert flow.instance == "ens3f0npf0vf0"
    received, sent = flow.rates[:2]
    assert received is not None
    assert sent is not None
    assert sent > received  # the representor receives more than it sends, as every simulated interface does


def test_engines_and_memory_of_a_gpu_client() -> None:
    text = (
        b"pos:\t0\nflags:\t0100002\ndrm-driver:\ti915\ndrm-client-id:\t7\ndrm-pdev:\t0000:00:02.0\n"
        b"drm-engine-render:\t9288864723 ns\ndrm-engine-copy:\t2035071108 ns\ndrm-engine-capacity-video:\t2\n"
        b"drm-resident-system0:\t64 KiB\n"
    )
    client = parse_client(text)
    assert client is not None
    assert client.device == "0000:00:02.0"
    assert client.engines == {"render": 9288864723, "copy": 2035071108}
    assert client.resident == 65536
    assert parse_client(b"pos:\t0\nflags:\t02\n") is None


def test_every_sampler_says_what_it_needs_costs_and_counts() -> None:
    doors, _ = simulated("lab")
    abouts = [s.about for s in samplers_of(doors)] + [s.about for s in waiting_samplers_of(doors)]
    assert len({about.id for about in abouts}) == len(abouts)
    sets = [of for about in abouts for of in about.sets]
    assert len({of.id for of in sets}) == len(sets)
    assert all(about.cost and about.period > 0 for about in abouts)
    assert all(of.source and of.counters for of in sets)
    assert all(len({c.id for c in of.counters}) == len(of.counters) for of in sets)


def test_this_machine_is_measured_as_it_is(tmp_path: Path) -> None:
    """Whatever hardware there is: every figure comes back with a state, and nothing raises."""
    from backend.counters.all import meter_of
    from backend.model.steps import at_once
    from tests.pictures import picture

    doors = LinuxHost()
    host = picture(doors)
    meter = meter_of(doors)
    at_once(meter.read(host, {str(name) for name in host.devices}))
    for flows in meter.activity.values():
        for flow in flows:
            assert len(flow.rates) == len(flow.set.counters) == len(flow.values)
            assert flow.state is CounterState.KNOWN or flow.reason
    meter.close()
    doors.close()


def test_sensors_come_through_the_guarded_door_from_devices_that_are_awake() -> None:
    measured = Measured("duo")
    kernel = measured.doors.kernel
    disk = kernel.device("0000:01:00.0")
    chip = disk.dir.dir("nvme").dir("nvme0").dir("hwmon1")
    chip.file("name", "nvme\n")
    chip.file("temp1_input", "41850\n")
    kernel.core.class_dir("hwmon").link("hwmon1", chip)
    measured.wait()
    flow = measured.flow("0000:01:00.0", "hwmon")
    assert (flow.instance, flow.rates) == ("nvme", (41850.0, None, None, None))
    measured.doors.faults.hang_reads("/sys/class/hwmon/hwmon1/temp1_input")
    measured.clock.advance(20.0)
    measured.wait()
    stuck = measured.flow("0000:01:00.0", "hwmon")
    assert stuck.state is CounterState.STALE
    assert "still waiting in the kernel" in stuck.reason


def test_gpu_clients_of_the_host_come_with_each_engine_and_their_memory() -> None:
    measured = Measured("vgpu")
    process = measured.doors.kernel.processes.all[1811]
    number = next(number for number, (target, _) in process.fds.items() if target == "/dev/dri/card0")

    def used(nanoseconds: int) -> None:
        lines = "drm-driver:\tast\ndrm-client-id:\t7\ndrm-pdev:\t0000:03:00.0\ndrm-resident-vram0:\t64 KiB\n"
        process.fds[number] = ("/dev/dri/card0", f"{lines}drm-engine-render:\t{nanoseconds} ns\n")

    used(1_000_000_000)
    measured.wait()
    used(2_000_000_000)
    measured.clock.advance(4.0)
    measured.wait()
    flows = {flow.instance: flow for flow in measured.meter.activity["0000:03:00.0"] if flow.set.id == "drm"}
    assert flows["all"].rates == (None, 65536.0, 1.0)
    assert flows["render"].rates[0] == pytest.approx(0.25e9)
    measured.doors.faults.hang_reads(f"/proc/1811/fdinfo/{number}")
    measured.clock.advance(4.0)
    measured.wait()
    assert measured.flow("0000:03:00.0", "drm").state is CounterState.STALE
