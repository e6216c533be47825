"""Every scenario that is shipped: it opens, it is whole, and it is what its name promises."""

from __future__ import annotations

import errno
import os
from collections.abc import Callable
from typing import TypeVar

import pytest

from backend.simhost import UnknownScenario, open_simulated, scenario_files, scenario_names
from backend.simhost.clock import ManualClock
from backend.simhost.host import SimulatedHost

T = TypeVar("T")
SPECS = [
    f"{name}:{host}" if host else name for name, hosts in scenario_files().items() for host in hosts if name != "scale"
] + ["scale:pfs=3,vfs=40,mdevs=30"]
PCI = "/sys/bus/pci/devices"


def opened(spec: str, *, privileged: bool = True) -> SimulatedHost:
    return open_simulated(spec, clock=ManualClock(), privileged=privileged)


def text(host: SimulatedHost, path: str) -> str:
    return host.files.read(path).decode("utf-8", "surrogateescape").removesuffix("\n")


def walk(host: SimulatedHost, top: str) -> dict[str, bytes]:
    """Return every file and link below a directory, with what it holds or the errno of reading it."""
    found: dict[str, bytes] = {}
    pending = [top]
    while pending:
        path = pending.pop()
        for name in host.files.list(path):
            child = f"{path}/{name}"
            target = answer(host.files.readlink, child)
            if isinstance(target, str):
                found[child] = b"-> " + target.encode("utf-8", "surrogateescape")
                continue
            assert target == errno.EINVAL, child
            mode = host.files.stat(child).mode
            if mode & 0o170000 == 0o040000:
                pending.append(child)
            elif mode & 0o170000 == 0o100000:
                content = answer(host.files.read, child)
                if isinstance(content, int):
                    assert content in (errno.EACCES, errno.EINVAL), child
                    content = errno.errorcode[content].encode()
                found[child] = content
    return found


def answer(call: Callable[[str], T], path: str) -> T | int:
    """Return what a call gives, or its errno."""
    try:
        return call(path)
    except OSError as error:
        return error.errno or 0


def test_the_names() -> None:
    assert scenario_names() == ["bare", "drift", "duo", "lab", "messy", "scale", "vgpu"]


@pytest.mark.parametrize("spec", SPECS)
def test_everything_listed_is_there(spec: str) -> None:
    host = opened(spec)
    found = walk(host, "/sys")
    assert len(found) > 200
    for path, content in found.items():
        if content.startswith(b"-> ") and not path.startswith("/sys/kernel/debug"):
            target = os.path.normpath(
                os.path.join(os.path.dirname(path), content[3:].decode("utf-8", "surrogateescape"))
            )
            assert host.files.stat(target), path
        elif content == b"EACCES":
            assert host.files.stat(path).mode & 0o444 == 0, path
    for place in ("/proc", "/dev", "/etc") if "etc" in host.files.list("/") else ("/proc", "/dev"):
        walk(host, place)


@pytest.mark.parametrize("spec", SPECS)
def test_two_hosts_of_a_scenario_are_the_same(spec: str) -> None:
    first, second = opened(spec), opened(spec)
    assert walk(first, "/sys") == walk(second, "/sys")
    assert walk(first, "/proc") == walk(second, "/proc")


@pytest.mark.parametrize("spec", SPECS)
def test_listings_hold_no_name_twice(spec: str) -> None:
    host = opened(spec)
    for path in ("/proc", "/dev/vfio", "/sys/class/net", *(f"{PCI}/{name}" for name in host.files.list(PCI))):
        if path == "/dev/vfio" and "vfio" not in host.files.list("/dev"):
            continue
        names = host.files.list(path)
        assert len(names) == len(set(names)), path


@pytest.mark.parametrize("spec", SPECS)
def test_the_source_says_simulated(spec: str) -> None:
    host = opened(spec)
    assert host.source.kind == "simulated"
    assert host.source.detail == spec
    assert host.name() == text(host, "/proc/sys/kernel/hostname")


@pytest.mark.parametrize("spec", SPECS)
def test_what_is_closed_to_others(spec: str) -> None:
    host = opened(spec, privileged=False)
    for pid in host.processes.pids():
        record = host.processes.describe(pid)
        assert host.files.read(f"/proc/{pid}/comm")
        results = [answer(host.files.list, f"/proc/{pid}/fd"), answer(host.files.list, f"/proc/{pid}/fdinfo")]
        if record.uid == host.uid:
            assert all(isinstance(found, list) for found in results)
            assert host.files.read(f"/proc/{pid}/maps")
            continue
        assert results == [errno.EACCES] * 2
        assert answer(host.files.readlink, f"/proc/{pid}/fd/0") == errno.EACCES
        assert answer(host.files.read, f"/proc/{pid}/fdinfo/0") == errno.EACCES
        assert answer(host.files.read, f"/proc/{pid}/maps") == errno.EACCES
        assert answer(host.files.readlink, f"/proc/{pid}/ns/net") == errno.EACCES
    with pytest.raises(PermissionError):
        host.files.list("/sys/kernel/debug")


def test_lab_is_the_captured_machine() -> None:
    host = opened("lab")
    names = host.files.list(PCI)
    assert {"0000:01:10.0", "0000:01:11.4", "0000:02:11.4", "0000:03:0f.7", "0000:06:02.0"} <= set(names)
    assert len([n for n in host.files.list(f"{PCI}/0000:03:00.0") if n.startswith("virtfn")]) == 127
    assert text(host, f"{PCI}/0000:03:00.0/sriov_totalvfs") == "127"
    assert os.path.basename(host.files.readlink(f"{PCI}/0000:01:10.0/iommu_group")) == "17"
    assert sorted(host.files.list("/sys/kernel/iommu_groups/16/devices")) == [
        "0000:05:00.0",
        "0000:06:01.0",
        "0000:06:02.0",
    ]
    drivers = {os.path.basename(host.files.readlink(f"{PCI}/0000:06:0{n}.0/driver")) for n in (1, 2)}
    assert drivers == {"e1000", "vfio-pci"}
    assert len(host.files.list("/sys/bus/mdev/devices")) == 5
    assert sorted(host.files.list("/sys/class/mdev_bus")) == ["mbochs", "mdpy", "mtty"]
    assert text(host, "/sys/devices/virtual/mtty/mtty/mdev_supported_types/mtty-1/available_instances") == "19"
    assert text(host, "/sys/devices/virtual/mbochs/mbochs/mdev_supported_types/mbochs-large/available_instances") == "3"
    # Held through the group, on a kernel whose fdinfo does not say which device it is.
    targets = [host.files.readlink(f"/proc/2101/fd/{n}") for n in host.files.list("/proc/2101/fd")]
    assert {"/dev/vfio/vfio", "/dev/vfio/17", "anon_inode:[vfio-device]", "anon_inode:kvm-vm"} <= set(targets)
    assert "vfio-device-syspath" not in "".join(
        text(host, f"/proc/2101/fdinfo/{n}") for n in host.files.list("/proc/2101/fdinfo")
    )
    assert "anon_inode:[vfio-device]" in text(host, "/proc/2101/maps")
    assert "devices" not in host.files.list("/dev/vfio")
    assert '"mdev_type": "mtty-1"' in text(host, "/etc/mdevctl.d/mtty/83b8f4f2-509f-382f-3c1e-e6bfe0fa1001")


def test_a_trapped_device_maps_nothing() -> None:
    host = opened("lab")
    assert text(host, "/proc/2103/cmdline").count("x-no-mmap=on") == 1
    assert text(host, "/proc/2103/maps").count("vfio-device") == 1  # the other one


def test_duo_holds_by_character_device() -> None:
    host = opened("duo")
    assert host.name() == "hv07"
    assert opened("duo:hv08").name() == "hv08"
    fds = {n: host.files.readlink(f"/proc/20305/fd/{n}") for n in host.files.list("/proc/20305/fd")}
    held = [n for n, target in fds.items() if target.startswith("/dev/vfio/devices/vfio")]
    assert len(held) == 2
    assert "/dev/iommu" in fds.values()
    info = text(host, f"/proc/20305/fdinfo/{held[0]}")
    path = info.split("vfio-device-syspath: ")[1]
    assert host.files.list(path)
    assert f"/dev/vfio/devices/vfio{host.files.list(path + '/vfio-dev')[0][4:]}" == fds[held[0]]
    assert fds[held[0]] in text(host, "/proc/20305/maps")
    assert text(host, f"/sys/kernel/debug/vfio/{os.path.basename(path)}/migration/state") == "RUNNING"


def test_bare_has_no_iommu() -> None:
    host = opened("bare")
    assert host.files.list("/sys/kernel/iommu_groups") == []
    assert host.files.list("/sys/class/iommu") == []
    for name in host.files.list(PCI):
        assert "iommu_group" not in host.files.list(f"{PCI}/{name}")


async def test_vfio_pci_binds_nothing_on_bare() -> None:
    host = opened("bare")
    vf = "0000:02:11.0"
    assert "driver" not in host.files.list(f"{PCI}/{vf}")
    await host.guarded.write(f"{PCI}/{vf}/driver_override", b"vfio-pci", deadline=1)
    with pytest.raises(OSError, match="Invalid argument"):
        await host.guarded.write("/sys/bus/pci/drivers/vfio-pci/bind", vf.encode(), deadline=1)


def test_vgpu_shows_vendor_types_and_mdevs_on_a_vf() -> None:
    host = opened("vgpu")
    assert text(host, f"{PCI}/0000:41:00.4/nvidia/current_vgpu_type") == "1160"
    lines = text(host, f"{PCI}/0000:41:01.0/nvidia/creatable_vgpu_types").splitlines()
    assert lines[0].startswith("ID")
    # 48 GB less 8 + 8 + 4 + 4 leaves 24.
    assert [line.split("L40S-")[1] for line in lines[1:]] == ["1Q", "2Q", "3Q", "4Q", "6Q", "8Q", "12Q", "16Q", "24Q"]
    assert os.path.basename(host.files.readlink(f"{PCI}/0000:41:00.4/driver")) == "nvidia"
    assert host.files.list(f"{PCI}/0000:41:00.4/vfio-dev")
    types = f"{PCI}/0000:81:00.4/mdev_supported_types"
    assert text(host, f"{types}/nvidia-593/available_instances") == "4"
    assert text(host, f"{types}/nvidia-592/available_instances") == "0"  # one type at a time
    assert "c73f1fa6-489e-4834-9476-d70dabd98c40" in host.files.list(f"{PCI}/0000:81:00.4")
    assert host.files.list(f"{PCI}/0000:82:00.0/drm")


def test_messy_is_messy() -> None:
    host = opened("messy")
    assert "pcie_acs_override=" in text(host, "/proc/cmdline")
    assert text(host, "/sys/module/vfio_iommu_type1/parameters/allow_unsafe_interrupts") == "Y"
    assert os.path.basename(host.files.readlink(f"{PCI}/0000:02:00.0/driver")) == "pci-pf-stub"
    assert os.path.basename(host.files.readlink(f"{PCI}/0000:03:00.0/driver")) == "vfio-pci"
    assert text(host, f"{PCI}/0000:04:10.0/driver_override") == "vfio-pci"
    assert text(host, f"{PCI}/0000:08:00.0/power/runtime_status") == "suspended"
    assert text(host, f"{PCI}/0000:17:00.0/aer_dev_correctable").endswith("TOTAL_ERR_COR 48213")
    assert text(host, f"{PCI}/0000:17:00.0/current_link_width") == "8"
    assert text(host, f"{PCI}/0000:17:00.0/max_link_width") == "16"
    # Moved into a container: bound, and net/ is empty.
    assert os.path.basename(host.files.readlink(f"{PCI}/0000:17:01.0/driver")) == "iavf"
    assert host.files.list(f"{PCI}/0000:17:01.0/net") == []
    assert host.files.readlink("/proc/4410/ns/net") != host.files.readlink("/proc/self/ns/net")
    assert host.files.readlink("/sys/class/net/ens1f0/master").endswith("/virtual/net/br0")
    assert "10000:e1:00.0" in host.files.list(PCI)
    assert "/dev/nvme0n1p2" in text(host, "/proc/self/mountinfo")
    assert "/dev/nvme1n1p1" in text(host, "/proc/swaps")
    assert host.files.readlink("/proc/5230/fd/3") == "/dev/uio0"
    everything = b"".join(walk(host, "/sys").values()) + b"".join(walk(host, "/proc").values())
    for nasty in (b"\x1b", b"\0", "\u202e".encode(), b"[/magenta]", b"[@click=app.quit]", b"[link="):
        assert nasty in everything


def test_orphans_have_neither_holder_nor_definition() -> None:
    host = opened("messy")
    defined = host.files.list("/etc/mdevctl.d/mtty")
    orphan = "00000000-0000-0000-0000-00000000dead"
    assert orphan in host.files.list("/sys/bus/mdev/devices")
    assert orphan not in defined
    assert set(defined) - set(host.files.list("/sys/bus/mdev/devices"))


@pytest.mark.parametrize(
    ("spec", "says"),
    [
        ("labb", "did you mean 'lab'"),
        ("", "there are: bare"),
        ("../lab", "there are: bare"),
        ("lab:x=1", "no option 'x'"),
        ("duo:hv09", "no host 'hv09'; did you mean 'hv0"),
        ("scale:pf=3", "did you mean 'pfs'"),
        ("scale:pfs=x", "wants a number"),
        ("scale:pfs=-1", "wants a number"),
        ("scale:pfs=1,vfs=9999", "at most 256"),
        ("scale:pfs=20000", "too many"),
    ],
)
def test_what_does_not_exist(spec: str, says: str) -> None:
    with pytest.raises(UnknownScenario, match=says.replace("?", r"\?")):
        opened(spec)


def test_scale_makes_what_is_asked_for() -> None:
    host = opened("scale:pfs=5,vfs=9,mdevs=50")
    assert len(host.files.list(PCI)) == 5 + 5 + 45
    assert len(host.files.list("/sys/bus/mdev/devices")) == 50
    assert sum(f.held for f in host.kernel.pci.functions.values()) > 0
