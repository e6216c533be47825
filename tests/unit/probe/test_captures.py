"""What two captures of a real kernel must read as, to the last function."""

from __future__ import annotations

from collections.abc import Mapping

import pytest

from backend.model.device import DataPath, DeviceKind, Link, VfManager
from backend.model.facts import FactState
from backend.model.group import ReservedRegion
from backend.model.host import Host
from backend.model.ids import GroupId, MdevUuid, PciAddress
from backend.model.mdev import Isolation

UUID = "83b8f4f2-509f-382f-3c1e-e6bfe0fa100"


@pytest.fixture
def empty(captured: Mapping[str, Host]) -> Host:
    """The host before any VF was enabled."""
    return captured["1-no-vfs"]


@pytest.fixture
def full(captured: Mapping[str, Host]) -> Host:
    """The host with VFs and mdevs."""
    return captured["3-vfs-mdevs"]


def test_how_many_there_are(empty: Host, full: Host) -> None:
    kinds = (DeviceKind.FUNCTION, DeviceKind.PF, DeviceKind.VF, DeviceKind.MDEV)
    assert [empty.count(kind) for kind in kinds] == [17, 4, 0, 0]
    assert [full.count(kind) for kind in kinds] == [17, 4, 19, 5]
    assert (len(empty.groups), len(full.groups)) == (17, 41)


def test_the_host(full: Host) -> None:
    assert (full.name, full.source, full.simulated) == ("3-vfs-mdevs", "tree", False)
    assert (full.iommu.units, full.iommu.label) == (("dmar0",), "Intel VT-d")
    assert full.weaknesses == ()
    assert not full.notes
    assert not full.holder_scan.complete
    assert "no processes" in full.holder_scan.reason


def test_devices_come_in_order_and_mdevs_last(full: Host) -> None:
    addresses = [device for device in full.devices if isinstance(device, PciAddress)]
    assert list(full.devices) == sorted(addresses) + [MdevUuid(f"{UUID}{n}") for n in range(1, 6)]


@pytest.mark.parametrize(
    ("address", "vfs", "total", "offset", "stride", "vf_device", "autoprobe", "driver", "net"),
    [
        ("0000:01:00.0", 7, 7, 128, 2, "10ca", False, "igb", ("enp1s0",)),
        ("0000:02:00.0", 4, 7, 128, 2, "10ca", False, "igb", ("enp2s0",)),
        ("0000:03:00.0", 8, 8, 1, 1, "0010", False, "nvme", ()),
        ("0000:04:00.0", 0, 127, 1, 1, "0010", True, "nvme", ()),
    ],
)
def test_physical_functions(
    full: Host,
    address: str,
    vfs: int,
    total: int,
    offset: int,
    stride: int,
    vf_device: str,
    driver: str,
    net: tuple[str, ...],
    *,
    autoprobe: bool,
) -> None:
    pf = PciAddress(address)
    device = full.devices[pf]
    sriov = device.sriov
    assert device.kind is DeviceKind.PF
    assert sriov is not None
    assert (len(sriov.vfs), sriov.total, sriov.offset, sriov.stride) == (vfs, total, offset, stride)
    assert (sriov.vf_device, sriov.autoprobe, sriov.manager) == (vf_device, autoprobe, VfManager.HOST_DRIVER)
    assert (device.driver, device.netdevs, device.path, device.numa) == (driver, net, DataPath.HOST, None)
    assert device.link == Link(2.5, 1, 2.5, 1)
    assert not device.notes
    for index, vf in enumerate(sriov.vfs):
        assert vf.requester == pf.requester + offset + stride * index
        assert (full.devices[vf].index, full.devices[vf].parent) == (index, address)


def test_what_identifies_a_function(full: Host) -> None:
    device = full.devices[PciAddress("0000:01:00.0")]
    assert (device.vendor, device.device, device.subsystem, device.class_code) == (
        "8086", "10c9", "1af4:1100", "020000",
    )  # fmt: skip
    assert device.sysfs == "/devices/pci0000:00/0000:00:06.0/0000:01:00.0"
    assert device.root_port == "0000:00:06.0"
    assert device.reset_methods == ("flr", "pm", "bus")
    assert device.power == "active"
    assert device.aer_correctable == 0
    assert full.devices[PciAddress("0000:00:1f.2")].root_port is None
    assert full.devices[PciAddress("0000:06:01.0")].root_port == "0000:00:0a.0"


def test_drivers_and_paths_of_vfs(full: Host) -> None:
    found = {
        str(device.id): (device.driver, device.path, device.vfio, int(device.group or 0))
        for device in full.devices.values()
        if device.parent == "0000:01:00.0"
    }
    ready, idle = DataPath.READY, DataPath.IDLE
    assert found == {
        "0000:01:10.0": ("vfio-pci", ready, True, 17),
        "0000:01:10.2": ("vfio-pci", ready, True, 18),
        "0000:01:10.4": ("vfio-pci", ready, True, 19),
        "0000:01:10.6": ("", idle, False, 20),
        "0000:01:11.0": ("igbvf", DataPath.HOST, False, 21),
        "0000:01:11.2": ("", idle, False, 22),
        "0000:01:11.4": ("", idle, False, 23),
    }
    assert full.devices[PciAddress("0000:01:11.0")].netdevs == ("enp1s0v4",)
    on_vfio = [str(d.id) for d in full.devices.values() if d.driver == "vfio-pci"]
    assert on_vfio == ["0000:01:10.0", "0000:01:10.2", "0000:01:10.4", "0000:02:10.0", "0000:03:00.1"]


def test_a_device_on_vfio_that_nobody_opened_is_free_for_everyone_to_see(full: Host) -> None:
    """vfio-pci-core disables a function that is not open, so ``enable`` proves it without looking at processes."""
    device = full.devices[PciAddress("0000:01:10.0")]
    assert (device.held, device.path) == (False, DataPath.READY)
    assert not device.notes


def test_nobody_can_tell_who_holds_an_mdev_without_processes(full: Host) -> None:
    device = full.devices[MdevUuid(f"{UUID}1")]
    assert device.path is None
    assert device.held
    # Being root would not help: a tree has no processes to look into.
    assert device.notes["holders"].state is FactState.UNKNOWN
    assert "no processes" in device.notes["holders"].reason


def test_groups_and_who_stands_in_the_way(full: Host) -> None:
    lpc = full.groups[GroupId(11)]
    assert [str(member) for member in lpc.members] == ["0000:00:1f.0", "0000:00:1f.2", "0000:00:1f.3"]
    assert lpc.viability.reason == "0000:00:1f.0 lpc_ich, 0000:00:1f.2 ahci, 0000:00:1f.3 i801_smbus"
    assert lpc.viability.culprits == lpc.members
    bridge = full.groups[GroupId(16)]
    assert [str(member) for member in bridge.members] == ["0000:05:00.0", "0000:06:01.0", "0000:06:02.0"]
    assert [str(culprit) for culprit in bridge.viability.culprits] == ["0000:06:01.0", "0000:06:02.0"]
    assert not bridge.viability.viable
    # A root port's driver leaves DMA to the owner of the group.
    assert full.devices[PciAddress("0000:00:06.0")].driver == "pcieport"
    assert full.groups[GroupId(6)].viability.viable
    viable = {int(number) for number, group in full.groups.items() if group.viability.viable}
    assert viable == {0, 6, 7, 8, 9, 10, *range(17, 41)} - {21}


def test_group_types_and_reserved_regions(full: Host) -> None:
    assert full.groups[GroupId(17)].type == "identity"
    assert full.groups[GroupId(36)].type == "unknown"
    assert full.groups[GroupId(12)].reserved == (ReservedRegion(0xFEE00000, 0xFEEFFFFF, "msi"),)
    assert full.groups[GroupId(12)].direct == ()


def test_mdevs(full: Host) -> None:
    found = {
        str(d.id)[-1]: (d.parent, d.mdev_type, d.driver, int(d.group or 0), d.name)
        for d in full.devices.values()
        if d.kind is DeviceKind.MDEV
    }
    assert found == {
        "1": ("mtty", "mtty-1", "mtty", 36, "Single port serial"),
        "2": ("mtty", "mtty-2", "mtty", 37, "Dual port serial"),
        "3": ("mtty", "mtty-2", "mtty", 38, "Dual port serial"),
        "4": ("mdpy", "mdpy-hd", "mdpy", 39, "mdpy-hd"),
        "5": ("mbochs", "mbochs-small", "mbochs", 40, "mbochs-small"),
    }
    device = full.devices[MdevUuid(f"{UUID}1")]
    assert device.sysfs == f"/devices/virtual/mtty/mtty/{UUID}1"
    assert (device.vfio, device.root_port, device.vfio_node) == (True, None, "")
    # mdevctl's files are not part of the capture: nobody can say whether this mdev is defined.
    assert device.defined is None


def test_parents_and_their_capacity(empty: Host, full: Host) -> None:
    assert not empty.parents
    assert {name: (p.device, p.isolation) for name, p in full.parents.items()} == dict.fromkeys(
        ("mbochs", "mdpy", "mtty"), (None, Isolation.MEDIATED)
    )
    free = {(p.name, t.id): (t.available, len(t.instances)) for p in full.parents.values() for t in p.types}
    assert free == {
        ("mbochs", "mbochs-large"): (3, 0),
        ("mbochs", "mbochs-medium"): (15, 0),
        ("mbochs", "mbochs-small"): (63, 1),
        ("mdpy", "mdpy-hd"): (3, 1),
        ("mdpy", "mdpy-vga"): (3, 0),
        ("mdpy", "mdpy-xga"): (3, 0),
        ("mtty", "mtty-1"): (19, 1),
        ("mtty", "mtty-2"): (9, 2),
    }
    mtty = full.parents["mtty"]
    assert mtty.sysfs == "/devices/virtual/mtty/mtty"
    assert [t.device_api for t in mtty.types] == ["vfio-pci", "vfio-pci"]


def test_the_captures_are_whole(empty: Host, full: Host) -> None:
    """Nothing that exists failed to be read."""
    for host in (empty, full):
        for device in host.devices.values():
            assert not {field for field in device.notes if field not in ("holders", "path")}
        assert all(not group.notes for group in host.groups.values())
        assert all(not parent.notes for parent in host.parents.values())
