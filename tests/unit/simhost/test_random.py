"""Random sequences of writes, holders and unplugs: whatever comes, the tree stays whole."""

from __future__ import annotations

import os

from hypothesis import given, settings
from hypothesis import strategies as st

from backend.simhost import open_simulated
from backend.simhost.clock import ManualClock
from backend.simhost.host import SimulatedHost

PCI = "/sys/bus/pci/devices"
DEVICES = [
    "0000:01:00.0",
    "0000:02:00.0",
    "0000:01:10.0",
    "0000:01:10.2",
    "0000:02:10.4",
    "0000:06:01.0",
    "0000:06:02.0",
]
DRIVERS = ["igb", "igbvf", "vfio-pci", "e1000", "nosuch"]
UUIDS = [f"83b8f4f2-509f-382f-3c1e-e6bfe0fa100{n}" for n in (1, 4, 7)]
STEP = st.one_of(
    st.tuples(st.just("numvfs"), st.sampled_from(DEVICES[:2]), st.sampled_from(["0", "1", "3", "7", "9"])),
    st.tuples(st.just("autoprobe"), st.sampled_from(DEVICES[:2]), st.sampled_from(["0", "1"])),
    st.tuples(st.just("unbind"), st.sampled_from(DEVICES), st.just("")),
    st.tuples(st.just("override"), st.sampled_from(DEVICES), st.sampled_from(["", *DRIVERS])),
    st.tuples(st.just("probe"), st.sampled_from(DEVICES), st.just("")),
    st.tuples(st.just("bind"), st.sampled_from(DEVICES), st.sampled_from(DRIVERS)),
    st.tuples(st.just("remove"), st.sampled_from(DEVICES), st.just("")),
    st.tuples(st.just("rescan"), st.just(""), st.just("")),
    st.tuples(st.just("create"), st.sampled_from(UUIDS), st.sampled_from(["mtty-1", "mtty-2"])),
    st.tuples(st.just("destroy"), st.sampled_from(UUIDS), st.just("")),
    st.tuples(st.just("hold"), st.sampled_from([*DEVICES, *UUIDS]), st.just("")),
    st.tuples(st.just("release"), st.sampled_from(["2101", "2102", "2103", "2104", "40000", "40001"]), st.just("")),
    st.tuples(st.just("time"), st.just(""), st.sampled_from(["0.1", "5", "40"])),
)
FILES = {
    "numvfs": f"{PCI}/{{0}}/sriov_numvfs",
    "autoprobe": f"{PCI}/{{0}}/sriov_drivers_autoprobe",
    "override": f"{PCI}/{{0}}/driver_override",
    "remove": f"{PCI}/{{0}}/remove",
    "unbind": f"{PCI}/{{0}}/driver/unbind",
    "probe": "/sys/bus/pci/drivers_probe",
    "bind": "/sys/bus/pci/drivers/{1}/bind",
    "rescan": "/sys/bus/pci/rescan",
    "create": "/sys/devices/virtual/mtty/mtty/mdev_supported_types/{1}/create",
    "destroy": "/sys/bus/mdev/devices/{0}/remove",
}


def take(host: SimulatedHost, clock: ManualClock, step: tuple[str, str, str]) -> None:
    what, first, second = step
    if what == "time":
        clock.advance(float(second))
    elif what == "release":
        host.kernel.release(int(first))
    elif what == "hold":
        host.kernel.start_vm("random", [first])
    else:
        data = second if what in ("numvfs", "autoprobe", "override") else first or "1"
        host.kernel.write(FILES[what].format(first, second), ("1" if what in ("remove", "destroy") else data) + "\n")


def check(host: SimulatedHost) -> None:
    files, kernel = host.files, host.kernel
    listed = set(files.list(PCI))
    assert listed == set(kernel.pci.functions)
    members = {
        m for g in files.list("/sys/kernel/iommu_groups") for m in files.list(f"/sys/kernel/iommu_groups/{g}/devices")
    }
    # An mdev whose removal waits for its holder has left the bus, and is still in its group.
    assert members == listed | set(kernel.mdev.mdevs)
    assert set(files.list("/sys/bus/mdev/devices")) <= set(kernel.mdev.mdevs)
    for name in listed:
        entries = files.list(f"{PCI}/{name}")
        assert len(entries) == len(set(entries))
        for entry in entries:
            if entry.startswith("virtfn"):
                assert os.path.basename(files.readlink(f"{PCI}/{name}/{entry}")) in listed
        if "driver" in entries:
            assert name in files.list(f"{PCI}/{name}/driver")
    for driver in files.list("/sys/bus/pci/drivers"):
        bound = [n for n in files.list(f"/sys/bus/pci/drivers/{driver}") if ":" in n]
        assert all(files.readlink(f"{PCI}/{n}/driver").endswith(f"/{driver}") for n in bound)
    nodes = {n for n in files.list("/dev/vfio") if n.isdecimal()}
    assert nodes == set(files.list("/sys/class/vfio")) == {str(g.id) for g in kernel.iommu.groups.values() if g.nodes}
    for kind in ("net", "nvme", "block", "vfio-dev", "mdev_bus"):
        assert all(files.stat(f"/sys/class/{kind}/{n}") for n in files.list(f"/sys/class/{kind}"))
    for pid, process in kernel.processes.all.items():
        assert all(files.readlink(f"/proc/{pid}/fd/{n}") for n in files.list(f"/proc/{pid}/fd"))
        assert all(d.vfio is not None and process in d.vfio.users for d in process.devices)
    used = sum(m.type.spec.cost for m in kernel.mdev.parents["mtty"].mdevs)
    assert kernel.mdev.parents["mtty"].left == 24 - used


@settings(max_examples=60, deadline=None)
@given(steps=st.lists(STEP, max_size=25))
def test_whatever_comes_the_tree_stays_whole(steps: list[tuple[str, str, str]]) -> None:
    clock = ManualClock()
    host = open_simulated("lab", clock=clock)
    for step in steps:
        try:
            take(host, clock, step)
        except (OSError, KeyError):
            continue
    check(host)
    for pid in list(host.processes.pids()):
        host.kernel.release(pid)
    clock.advance(1000.0)
    assert host.kernel.core.schedule.jobs == ()  # with nobody holding anything, nothing is stuck
    check(host)
