"""Functions, groups and weaknesses on small trees: what no capture has."""

from __future__ import annotations

import errno
from pathlib import Path

import pytest

from backend.model.device import DataPath, DeviceKind, Link, VfManager
from backend.model.facts import FactState
from backend.model.group import ReservedRegion
from backend.model.ids import GroupId, PciAddress
from backend.probe.iommu import parse_reserved
from backend.probe.pci import root_port
from backend.probe.sriov import vf_manager
from backend.state.collect import Collector
from tests.pictures import look, picture, simulated
from tests.unit.probe.trees import Tree

ADDRESS = PciAddress("0000:01:00.0")


@pytest.fixture
def tree(tmp_path: Path) -> Tree:
    """An empty tree."""
    return Tree(tmp_path)


def test_ids_without_modalias(tree: Tree) -> None:
    files = {"vendor": "0x8086\n", "device": "0x10ca\n", "subsystem_vendor": "0x1af4\n", "subsystem_device": "0x1\n"}
    where = tree.function("0000:01:00.0", attributes={**files, "class": "0x020000\n"})
    (tree.sys.parent / where / "modalias").unlink()
    device = picture(tree.host).devices[ADDRESS]
    assert (device.vendor, device.device, device.subsystem, device.class_code) == (
        "8086", "10ca", "1af4:0001", "020000",
    )  # fmt: skip


@pytest.mark.parametrize(
    ("power", "speed", "width", "best", "most", "link"),
    [
        ("active", "16.0 GT/s PCIe", "8", "16.0 GT/s PCIe", "16", Link(16.0, 8, 16.0, 16)),
        ("unsupported", "8 GT/s", "1", "Unknown", "255", Link(8.0, 1, None, 255)),
        ("active", "Unknown", "0", "16.0 GT/s PCIe", "16", None),
        ("suspended", "16.0 GT/s PCIe", "8", "16.0 GT/s PCIe", "16", None),
    ],
)
def test_links(tree: Tree, power: str, speed: str, width: str, best: str, most: str, link: Link | None) -> None:
    files = {
        "power/runtime_status": power + "\n",
        "current_link_speed": speed + "\n",
        "current_link_width": width + "\n",
        "max_link_speed": best + "\n",
        "max_link_width": most + "\n",
    }
    tree.function("0000:01:00.0", attributes=files)
    device = picture(tree.host).devices[ADDRESS]
    assert device.link == link
    assert ("link" in device.notes) == (power == "suspended")


def test_a_suspended_device_is_not_woken() -> None:
    """Reading the speed of a sleeping link resumes the device: it is not even opened."""
    doors, _ = simulated("messy")
    doors.faults.fail_path("current_link_speed", errno.EIO)
    host = picture(doors)
    assert "would wake" in host.devices[PciAddress("0000:08:00.0")].notes["link"].reason
    assert "could not be read" in host.devices[PciAddress("0000:17:00.0")].notes["link"].reason


def test_files_that_take_the_devices_lock_are_never_read_plainly() -> None:
    doors, _ = simulated("lab")
    for name in ("sriov_numvfs", "sriov_vf_total_msix", "driver_override", "config", "vpd", "reset"):
        doors.faults.fail_path(name, errno.EBADMSG)
        for function in ("0000:01:00.0", "0000:03:00.0"):
            path = f"/sys/bus/pci/devices/{function}/{name}"
            doors.faults.fail_path(path, errno.EBADMSG)
            doors.faults.hang_reads(path)
    host = picture(doors)
    text = repr(host)
    assert "EBADMSG" not in text


@pytest.mark.parametrize(("code", "state"), [(errno.EIO, FactState.UNKNOWN), (errno.EACCES, FactState.HIDDEN)])
def test_a_function_whose_identity_cannot_be_read_is_still_there(code: int, state: FactState) -> None:
    doors, _ = simulated("bare")
    before = picture(doors)
    doors.faults.fail_path("modalias", code)
    host = picture(doors)
    assert host.devices.keys() == before.devices.keys()
    assert {device.notes["vendor"].state for device in host.devices.values()} == {state}


def test_a_function_that_is_gone_is_no_device(tree: Tree) -> None:
    tree.link("sys/bus/pci/devices/0000:01:00.0", "sys/devices/pci0000:00/0000:01:00.0")
    tree.function("0000:02:00.0")
    assert list(picture(tree.host).devices) == ["0000:02:00.0"]


@pytest.mark.parametrize(
    ("driver", "manager"),
    [
        ("", VfManager.NONE),
        ("igb", VfManager.HOST_DRIVER),
        ("pci-pf-stub", VfManager.PF_STUB),
        ("vfio-pci", VfManager.VFIO_TOKEN),
    ],
)
def test_who_manages_vfs(driver: str, manager: VfManager) -> None:
    assert vf_manager(driver) is manager


def test_half_made_vfs_are_counted_by_their_links(tree: Tree) -> None:
    """While VFs come, ``sriov_numvfs`` already tells the end; the links tell what there is."""
    where = tree.function("0000:01:00.0", driver="igb", attributes={"sriov_totalvfs": "7\n", "sriov_numvfs": "7\n"})
    for index in (0, 1, 3):
        tree.function(f"0000:01:10.{index}")
        tree.link(f"{where}/virtfn{index}", f"sys/devices/pci0000:00/0000:01:10.{index}")
        tree.link(f"sys/devices/pci0000:00/0000:01:10.{index}/physfn", where)
    tree.link(f"{where}/virtfn4", "sys/devices/pci0000:00/0000:01:10.4")
    host = picture(tree.host)
    sriov = host.devices[ADDRESS].sriov
    assert sriov is not None
    assert sriov.vfs == ("0000:01:10.0", "0000:01:10.1", "0000:01:10.3", "0000:01:10.4")
    vfs = {str(d.id): d.index for d in host.devices.values() if d.kind is DeviceKind.VF}
    assert vfs == {"0000:01:10.0": 0, "0000:01:10.1": 1, "0000:01:10.3": 3}


def test_a_vf_whose_pf_cannot_be_seen_is_a_vf_nevertheless(tree: Tree) -> None:
    tree.function("0000:01:10.0")
    tree.link("sys/devices/pci0000:00/0000:01:10.0/physfn", "sys/devices/pci0000:00/0000:01:00.0")
    device = picture(tree.host).devices[PciAddress("0000:01:10.0")]
    assert (device.kind, device.parent, device.index) == (DeviceKind.VF, "0000:01:00.0", None)


def test_domains_of_five_digits_come_last(tree: Tree) -> None:
    for address in ("10000:e1:00.0", "ffff:00:00.0", "0000:01:00.0"):
        tree.function(address)
    assert list(picture(tree.host).devices) == ["0000:01:00.0", "ffff:00:00.0", "10000:e1:00.0"]


def test_variant_drivers_are_known_by_their_node_not_by_their_name(tree: Tree) -> None:
    where = tree.function("0000:01:00.0", driver="mlx5_vfio_pci", group=3)
    tree.link("sys/class/vfio-dev/vfio0", f"{where}/vfio-dev/vfio0")
    tree.function("0000:02:00.0", driver="not-vfio-pci", group=4)
    host = picture(tree.host)
    assert host.devices[ADDRESS].vfio
    assert host.groups[GroupId(3)].viability.viable
    assert not host.devices[PciAddress("0000:02:00.0")].vfio
    assert host.devices[PciAddress("0000:02:00.0")].path is DataPath.HOST


@pytest.mark.parametrize(
    ("driver", "viable"),
    [("", True), ("pci-stub", True), ("pcieport", True), ("pci-pf-stub", False), ("igb", False), ("uio", False)],
)
def test_drivers_that_leave_a_group_viable(tree: Tree, driver: str, *, viable: bool) -> None:
    tree.function("0000:01:00.0", driver=driver, group=3)
    verdict = picture(tree.host).groups[GroupId(3)].viability
    assert verdict.viable is viable
    assert verdict.culprits == (() if viable else (ADDRESS,))
    assert verdict.reason == ("" if viable else f"0000:01:00.0 {driver}")


def test_reserved_regions() -> None:
    text = b"0x0000000000000000 0x00000000000fffff direct\n0xfee00000 0xfeefffff msi\nnonsense\n1 2\n0x5 0x1 x\n"
    assert parse_reserved(text) == (ReservedRegion(0, 0xFFFFF, "direct"), ReservedRegion(0xFEE00000, 0xFEEFFFFF, "msi"))


@pytest.mark.parametrize(
    ("path", "port"),
    [
        ("/devices/pci0000:00/0000:00:06.0/0000:01:00.0", "0000:00:06.0"),
        ("/devices/pci0000:00/0000:00:06.0/0000:01:00.0/0000:02:00.0", "0000:00:06.0"),
        ("/devices/pci0000:00/0000:00:1f.2", None),
        ("/devices/virtual/mtty/mtty/x", None),
        ("", None),
        ("/devices/pci0000:00/x/y", None),
    ],
)
def test_root_ports(path: str, port: str | None) -> None:
    assert root_port(path) == port


@pytest.mark.parametrize(
    ("files", "found"),
    [
        ({"proc/cmdline": "quiet pcie_acs_override=downstream"}, ["acs-override"]),
        ({"proc/cmdline": "pci=noaer,disable_acs_redir=01:00.0"}, ["acs-changed"]),
        ({"proc/cmdline": "pci=config_acs=x1@00:01.0"}, ["acs-changed"]),
        ({"proc/cmdline": "pci=noaer xpcie_acs_override=1"}, []),
        ({"sys/module/vfio_iommu_type1/parameters/allow_unsafe_interrupts": "Y\n"}, ["unsafe-interrupts"]),
        ({"sys/module/vfio_iommu_type1/parameters/allow_unsafe_interrupts": "N\n"}, []),
        ({"sys/module/vfio/parameters/enable_unsafe_noiommu_mode": "1\n"}, ["no-iommu-mode"]),
    ],
)
def test_weaknesses(tree: Tree, files: dict[str, str], found: list[str]) -> None:
    for path, text in files.items():
        tree.write(path, text)
    weaknesses = picture(tree.host).weaknesses
    assert [weakness.id for weakness in weaknesses] == found
    assert all(weakness.text and weakness.evidence and weakness.remedy for weakness in weaknesses)


def test_a_weakness_quotes_what_it_found_harmlessly(tree: Tree) -> None:
    tree.write("proc/cmdline", b"pcie_acs_override=\x1b[2J\xff")
    assert picture(tree.host).weaknesses[0].evidence == "kernel command line: pcie_acs_override=\\x1b[2J\\xff"


def test_vendor_vgpu_types(scenario: object) -> None:
    host = picture(simulated("vgpu")[0])
    current = host.devices[PciAddress("0000:41:00.4")]
    assert current.kind is DeviceKind.VGPU_VF
    assert current.vgpu is not None
    assert current.vgpu.current == "1160"
    empty = host.devices[PciAddress("0000:41:01.0")].vgpu
    assert empty is not None
    assert empty.current == ""
    assert empty.creatable
    assert all(line.split(":")[0].strip().isdigit() for line in empty.creatable)
    parent = host.parents["0000:81:00.4"]
    assert parent.device == "0000:81:00.4"


def test_no_iommu_no_groups() -> None:
    host = picture(simulated("bare")[0])
    assert (host.iommu.label, dict(host.groups)) == ("no IOMMU", {})
    assert all(device.group is None for device in host.devices.values())


def test_a_bus_that_is_not_there(tmp_path: Path) -> None:
    (tmp_path / "sys/bus").mkdir(parents=True)
    tree = Tree.__new__(Tree)
    tree.sys, tree.proc = tmp_path / "sys", tmp_path / "proc"
    host = picture(tree.host)
    assert host.notes["devices"].state is FactState.UNKNOWN
    assert not host.devices


def test_records_that_did_not_change_stay_the_same_objects() -> None:
    doors, _ = simulated("messy")
    collector = Collector(doors)
    one = look(collector, doors)
    other = look(collector, doors)
    assert all(other.devices[key] is device for key, device in one.devices.items())
