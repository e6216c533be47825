"""What cards, interfaces and slots tell of who they are."""

from __future__ import annotations

from pathlib import Path

from hypothesis import given
from hypothesis import strategies as st

from backend.model.device import Device, DeviceKind
from backend.model.ids import PciAddress
from backend.probe.boot.identity import read_identity, read_slots, serial_of
from tests.unit.probe.trees import Tree

ADDRESS = PciAddress("0000:3b:00.0")


def space(*capabilities: tuple[int, bytes]) -> bytes:
    """Return a configuration space with extended capabilities one after the other."""
    found = bytearray(4096)
    place = 0x100
    for number, (kind, content) in enumerate(capabilities, 1):
        after = place + 4 + len(content) if number < len(capabilities) else 0
        found[place : place + 4] = (after << 20 | 1 << 16 | kind).to_bytes(4, "little")
        found[place + 4 : place + 4 + len(content)] = content
        place = after
    return bytes(found)


def test_the_serial_number_in_the_configuration_space() -> None:
    serial = bytes.fromhex("010000ffff9196b4")
    assert serial_of(space((1, bytes(12)), (3, serial))) == "b4-96-91-ff-ff-00-00-01"
    assert serial_of(space((1, bytes(12)))) == ""
    assert serial_of(space((3, bytes(8)))) == ""
    assert serial_of(space((3, b"\xff" * 8))) == ""
    assert serial_of(space((3, serial))[:256]) == ""


@given(st.binary(max_size=600).map(lambda raw: bytes(256) + raw))
def test_no_configuration_space_makes_it_fall(raw: bytes) -> None:
    assert len(serial_of(raw)) in (0, 23)


def test_permanent_address_and_slot(tmp_path: Path) -> None:
    tree = Tree(tmp_path)
    device = Device(ADDRESS, DeviceKind.PF, "/devices/x", netdevs=("ens1f0",), vendor="8086", device="1572")
    tree.write("sys/class/net/ens1f0/address", "b4:96:91:00:00:01\n")
    tree.write("sys/class/net/ens1f0/addr_assign_type", "0\n")
    tree.write("sys/bus/pci/slots/2/address", "0000:3b:00\n")
    found = read_identity(tree.host.files, device, read_slots(tree.host.files))
    assert (found.mac, found.slot, found.ids, found.serial) == ("b4:96:91:00:00:01", "2", "8086:1572", "")
    tree.write("sys/class/net/ens1f0/addr_assign_type", "3\n")
    assert read_identity(tree.host.files, device, {}).mac is None


def test_the_serial_number_of_an_nvme(tmp_path: Path) -> None:
    tree = Tree(tmp_path)
    device = Device(ADDRESS, DeviceKind.PF, "/devices/x", class_code="010802")
    tree.write(f"sys/bus/pci/devices/{ADDRESS}/nvme/nvme0/serial", "S675NX0R \n")
    assert read_identity(tree.host.files, device, {}).serial == "S675NX0R"
