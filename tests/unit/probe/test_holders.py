"""Who holds what, by every means, as root and as anybody."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from backend.model.device import DataPath, Device
from backend.model.facts import FactState
from backend.model.holder import Holder, HolderKind
from backend.model.host import Host
from backend.model.ids import MdevUuid, PciAddress, parse_device_id
from backend.model.steps import at_once
from backend.probe.holders import HolderFindings, scan_holders
from backend.state.collect import Collector
from tests.pictures import look, picture, simulated
from tests.unit.probe.trees import Tree

Scenario = Callable[..., Host]


def held(host: Host, device: str) -> list[tuple[str, str, str]]:
    """Return kind, name and detail of a device's holders."""
    return [(h.kind.value, h.name, h.detail) for h in host.devices[parse_device_id(device)].holders]


def by(host: Host, device: str) -> Holder:
    """Return the only holder of a device."""
    (holder,) = host.devices[parse_device_id(device)].holders
    return holder


@pytest.mark.parametrize(
    ("spec", "device", "name", "pid", "via", "path"),
    [
        ("lab", "0000:01:10.0", "web-1", 2101, "/dev/vfio/17", DataPath.PASSTHROUGH),
        ("lab", "83b8f4f2-509f-382f-3c1e-e6bfe0fa1004", "desk", 2104, "/dev/vfio/161", DataPath.MEDIATED),
        ("duo:hv07", "0000:c1:00.2", "web-2", 20211, "/dev/vfio/devices/vfio0", DataPath.PASSTHROUGH),
        ("vgpu", "0000:41:00.6", "render", 5103, "/dev/vfio/devices/vfio2", DataPath.PASSTHROUGH),
    ],
)
def test_vms_by_group_and_by_character_device(
    scenario: Scenario, spec: str, device: str, name: str, pid: int, via: str, path: DataPath
) -> None:
    host = scenario(spec)
    holder = by(host, device)
    assert (holder.kind, holder.name, holder.pid, holder.via) == (HolderKind.VM, name, pid, via)
    assert holder.start_time is not None
    assert host.devices[parse_device_id(device)].path is path
    assert host.holder_scan.complete


def test_a_vm_by_fdinfo_where_the_kernel_names_the_device(tmp_path: Path) -> None:
    tree = Tree(tmp_path)
    for function in (0, 1):
        tree.function(f"0000:01:00.{function}", driver="vfio-pci", group=7, attributes={"enable": "1\n"})
    where = tree.process(
        50, "qemu-system-x86", ["qemu-system-x86_64", "-name", "guest=a"],
        {4: "/dev/vfio/vfio", 5: "/dev/vfio/7", 6: "anon_inode:[vfio-device]", 7: "anon_inode:[vfio-device]"},
    )  # fmt: skip
    for fd, function in ((6, 0), (7, 1)):
        path = f"/sys/devices/pci0000:00/0000:01:00.{function}"
        tree.write(f"{where}/fdinfo/{fd}", f"pos:\t0\nino:\t1122\nvfio-device-syspath: {path}\n")
    tree.write(f"{where}/maps", "7f00-7f01 rw-s 00000000 00:0e 1122   anon_inode:[vfio-device]\n")
    host = picture(tree.host)
    for function in (0, 1):
        device = host.devices[PciAddress(f"0000:01:00.{function}")]
        assert (by(host, device.id).name, by(host, device.id).via) == ("a", "fdinfo")
        # All devices that are opened through groups share one inode: whose mapping it is cannot be told.
        assert (device.path, device.notes["path"].state) == (None, FactState.UNKNOWN)
    tree.write(f"{where}/maps", "7f00-7f01 rw-p 00000000 00:00 0\n")
    host = picture(tree.host)
    assert [host.devices[PciAddress(f"0000:01:00.{n}")].path for n in (0, 1)] == [DataPath.TRAP] * 2


def test_a_group_that_is_held_while_its_device_is_not_open(tmp_path: Path) -> None:
    tree = Tree(tmp_path)
    tree.function("0000:01:00.0", driver="vfio-pci", group=7, attributes={"enable": "0\n"})
    tree.function("0000:01:00.1", driver="vfio-pci", group=7, attributes={"enable": "1\n"})
    tree.process(50, "spdk", ["spdk"], {4: "/dev/vfio/7", 5: "anon_inode:[vfio-device]"})
    tree.write("proc/50/maps", "7f00-7f01 rw-s 00000000 00:0e 1122   anon_inode:[vfio-device]\n")
    host = picture(tree.host)
    closed, opened = (host.devices[PciAddress(f"0000:01:00.{n}")] for n in (0, 1))
    assert (closed.path, closed.holders[0].detail) == (
        DataPath.READY,
        "holds its group; the device itself is not open",
    )
    assert (opened.path, opened.holders[0].name) == (DataPath.PASSTHROUGH, "spdk")


def test_which_of_several_devices_is_mapped_only_the_vmm_can_tell(scenario: Scenario) -> None:
    host = scenario("lab")
    for name in ("0000:03:00.1", "0000:03:00.2"):
        device = host.devices[PciAddress(name)]
        assert by(host, name).name == "build"
        assert device.path is None
        assert device.notes["path"].state is FactState.UNKNOWN


def test_a_device_whose_regions_are_all_trapped(scenario: Scenario) -> None:
    host = scenario("messy")
    assert host.devices[PciAddress("0000:17:01.6")].path is DataPath.TRAP


def test_programs_and_services(scenario: Scenario) -> None:
    host = scenario("messy")
    assert held(host, "0000:17:01.1") == [("process", "dpdk-testpmd", "dpdk-testpmd")]
    assert held(host, "0000:03:00.0") == [("process", "spdk_tgt", "spdk_tgt")]
    for function in range(4):
        assert held(host, f"0000:6b:01.{function}") == [("service", "qatmgr", "qatmgr")]
    assert held(scenario("vgpu"), "0000:03:00.0") == [("process", "Xorg", "Xorg")]
    assert (by(host, "0000:07:02.2").name, by(host, "0000:07:02.2").via) == ("l2fwd", "/dev/uio0")


def test_the_hosts_own_network_and_disks(scenario: Scenario) -> None:
    messy = scenario("messy")
    assert held(messy, "0000:17:00.0") == [("network", "ens1f0", "port of br0")]
    assert held(messy, "0000:07:00.0") == [("network", "ens5f0", "port of ovs-system")]
    assert held(messy, "0000:82:00.0") == [("storage", "nvme1n1p1", "swap")]
    assert held(messy, "0000:81:00.0") == [
        ("storage", "nvme0n1p2", "mounted on /"),
        ("storage", "nvme0n1p1", "mounted on /boot/efi"),
    ]
    assert held(scenario("lab"), "0000:01:00.0") == [("network", "enp1s0", "default route")]
    assert held(scenario("lab"), "0000:02:00.0") == []


def test_an_interface_that_was_moved_away(scenario: Scenario) -> None:
    device = scenario("messy").devices[PciAddress("0000:17:01.0")]
    assert (device.driver, device.netdevs, device.held) == ("iavf", (), True)
    assert device.holders[0].kind is HolderKind.NETNS


def test_the_container_that_has_an_interface_is_named_where_it_can_be_seen(tmp_path: Path) -> None:
    tree = Tree(tmp_path)
    where = tree.function("0000:01:10.0", driver="iavf")
    (tree.sys.parent / where / "net").mkdir()
    tree.process(1, "systemd", ["/sbin/init"])
    tree.link("proc/self", "proc/1")
    for pid, namespace in ((1, 100), (30, 200), (31, 200)):
        if pid != 1:
            tree.process(pid, "nginx", ["nginx"])
        (tree.proc / str(pid) / "ns").mkdir()
        (tree.proc / str(pid) / "ns/net").symlink_to(f"net:[{namespace}]")
    inside = tree.proc / "30/root/sys/class/net"
    inside.mkdir(parents=True)
    (inside / "eth0").symlink_to("../../devices/pci0000:00/0000:01:10.0/net/eth0")
    (inside / "lo").symlink_to("../../devices/virtual/net/lo")
    assert held(picture(tree.host), "0000:01:10.0") == [("netns", "netns of nginx", "as eth0")]


@pytest.mark.parametrize(
    ("files", "flags", "use"),
    [
        ({"proc/net/route": "Iface D\nens1 00000000 0102000A 3 0 0 0 00000000 0 0 0\n"}, "0x1003", "default route"),
        ({"proc/net/route": "ens1 0002000A 00000000 1 0 0 0 00FFFFFF 0 0 0\n"}, "0x1003", "has an IPv4 route"),
        ({"proc/net/if_inet6": "20010db8000000000000000000000001 02 40 00 80 ens1\n"}, "0x1003", "has an IPv6 address"),
        ({"proc/net/if_inet6": "fe800000000000000000000000000001 02 40 20 80 ens1\n"}, "0x1003", ""),
        (
            {"proc/net/ipv6_route": f"{'0' * 32} 00 {'0' * 32} 00 {'f' * 32} 00000400 1 0 3 ens1\n"},
            "0x1003",
            "default route",
        ),
        ({"proc/net/route": "ens1 00000000 0102000A 3 0 0 0 00000000 0 0 0\n"}, "0x1002", ""),
        ({"proc/net/route": "\xff\nens1\n"}, "what", ""),
        ({}, "0x1003", ""),
    ],
)
def test_uses_of_an_interface(tmp_path: Path, files: dict[str, str], flags: str, use: str) -> None:
    tree = Tree(tmp_path)
    tree.interface("ens1", tree.function("0000:01:00.0", driver="igb"), flags)
    for path, text in files.items():
        tree.write(path, text.encode("latin-1"))
    assert held(picture(tree.host), "0000:01:00.0") == ([("network", "ens1", use)] if use else [])


@pytest.mark.parametrize(
    ("what", "use"), [("holder", "part of dm-0"), ("mount", "mounted on /data"), ("swap", "swap"), ("", "")]
)
def test_uses_of_a_disk_behind_nvme_multipath(tmp_path: Path, what: str, use: str) -> None:
    tree = Tree(tmp_path)
    where = tree.function("0000:04:00.0", driver="nvme")
    head = "sys/devices/virtual/nvme-subsystem/nvme-subsys0"
    tree.write(f"{head}/nvme0n1/nvme0n1p1/dev", "259:2\n")
    tree.write(f"{head}/nvme0n1/dev", "259:1\n")
    (tree.sys.parent / where / "nvme/nvme0").mkdir(parents=True)
    tree.link(f"{head}/nvme0", f"{where}/nvme/nvme0")
    tree.link("sys/block/nvme0n1", f"{head}/nvme0n1")
    if what == "holder":
        (tree.sys.parent / head / "nvme0n1/nvme0n1p1/holders/dm-0").mkdir(parents=True)
    tree.write("proc/1/mountinfo", "36 25 259:2 / /data rw - ext4 /dev/x rw\n" if what == "mount" else "short\n\n")
    tree.write("proc/swaps", "Filename Type\n/dev/nvme0n1p1 partition 1 0 -2\n\n" if what == "swap" else "")
    host = picture(tree.host)
    assert host.devices[PciAddress("0000:04:00.0")].blocks == ("nvme0n1",)
    assert held(host, "0000:04:00.0") == ([("storage", "nvme0n1p1", use)] if use else [])


def test_a_program_with_a_raw_disk(tmp_path: Path) -> None:
    tree = Tree(tmp_path)
    where = tree.function("0000:04:00.0", driver="nvme")
    (tree.sys.parent / where / "nvme/nvme0/nvme0n1").mkdir(parents=True)
    tree.link("sys/block/nvme0n1", f"{where}/nvme/nvme0/nvme0n1")
    tree.process(9, "fio", ["fio"], {3: "/dev/nvme0n1p2", 4: "/dev/null", 5: "/dev/nvme7n1", 6: "/dev/sdx9"})
    assert held(picture(tree.host), "0000:04:00.0") == [("process", "fio", "fio")]


def test_an_unprivileged_look_hides_honestly(scenario: Scenario) -> None:
    host = scenario("lab", privileged=False)
    scan = host.holder_scan
    assert (scan.complete, scan.hidden) == (False, 6)
    assert scan.reason == "6 processes of other users are hidden: run as root to see them"
    # The command line is everybody's to read; what is mapped is not.
    vm = by(host, "0000:01:10.0")
    assert (vm.name, vm.pid, vm.via) == ("web-1", 2101, "cmdline")
    path = host.devices[PciAddress("0000:01:10.0")].notes["path"]
    assert (path.state, host.devices[PciAddress("0000:01:10.0")].path) == (FactState.HIDDEN, None)
    # vfio-pci proves that nobody has this one, without a look at any process.
    assert not host.devices[PciAddress("0000:01:10.2")].held
    # Nothing proves that for an mdev: it counts as held, and says what would tell.
    mdev = host.devices[MdevUuid("83b8f4f2-509f-382f-3c1e-e6bfe0fa1002")]
    assert (mdev.held, mdev.holders, mdev.path) == (True, (), None)
    assert (mdev.notes["holders"].state, mdev.notes["holders"].reason) == (FactState.HIDDEN, scan.reason)
    # One's own processes can be looked into.
    assert by(host, "0000:03:00.1").via == "/dev/vfio/31"


def test_holders_that_nobody_may_see_are_betrayed_by_their_interrupts(scenario: Scenario) -> None:
    host = scenario("messy", privileged=False)
    for device in ("0000:17:01.1", "0000:6b:01.0", "0000:03:00.0"):
        assert (by(host, device).kind, by(host, device).via) == (HolderKind.UNSEEN, "interrupts")


@pytest.mark.parametrize("spec", ["lab", "messy", "vgpu", "duo:hv07"])
def test_whoever_looks_nothing_that_root_sees_held_seems_free(scenario: Scenario, spec: str) -> None:
    root, anybody = scenario(spec), scenario(spec, privileged=False)
    assert root.devices.keys() == anybody.devices.keys()
    for device_id, device in root.devices.items():
        seen = anybody.devices[device_id]
        if device.held:
            assert seen.held or seen.path is DataPath.HOST, device_id
        if seen.path is not None and not seen.notes:
            assert seen.path == device.path


def test_a_bridge_that_is_enabled_for_what_lies_behind_it_is_not_held(scenario: Scenario) -> None:
    host = scenario("lab")
    assert held(host, "0000:05:00.0") == []
    assert host.devices[PciAddress("0000:06:02.0")].path is DataPath.READY
    assert held(host, "0000:06:02.0") == []


def test_vfio_users_without_pci_are_left_out(tmp_path: Path) -> None:
    tree = Tree(tmp_path)
    tree.function("0000:01:00.0", driver="vfio-pci", group=7)
    tree.process(5, "odd", ["odd"], {3: "/dev/vfio/x", 4: "/dev/vfio/", 5: "/dev/vfio/٣", 6: "/dev/vfio/noiommu-7"})
    assert held(picture(tree.host), "0000:01:00.0") == [
        ("process", "odd", "holds its group; the device itself is not open")
    ]


def test_findings_survive_a_pipe() -> None:
    doors, _ = simulated("messy")
    findings = scan_holders(doors)
    assert len(findings.found) > 10
    assert HolderFindings.from_json(findings.to_json()) == findings


def test_a_look_that_failed_keeps_what_was_found_and_says_so() -> None:
    doors, _ = simulated("lab")
    collector = Collector(doors)
    before = look(collector, doors)
    at_once(collector.holders_failed("the look for holders has not come back"))
    after = collector.host
    assert after is not None
    assert after.holder_scan.reason == "the look for holders has not come back"
    assert after.holder_scan.taken_at == before.holder_scan.taken_at
    assert [h.name for h in after.devices[PciAddress("0000:01:10.0")].holders] == ["web-1"]
    note = after.devices[MdevUuid("83b8f4f2-509f-382f-3c1e-e6bfe0fa1002")].notes["holders"]
    # No right would help here, so it is not "hidden".
    assert (note.state, note.reason) == (FactState.UNKNOWN, "the look for holders has not come back")


def test_before_anybody_has_looked_nothing_is_free() -> None:
    doors, _ = simulated("lab")
    collector = Collector(doors)
    at_once(collector.read_all())
    assert collector.host is not None
    mdevs = [d for d in collector.host.devices.values() if isinstance(d.id, MdevUuid)]
    assert all(_not_looked(device) for device in mdevs)
    assert collector.host.holder_scan.reason == "holders not looked for yet"


def _not_looked(device: Device) -> bool:
    return device.path is None and device.notes["holders"].reason == "not looked for yet"
