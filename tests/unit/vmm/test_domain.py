"""The XML of libvirt, as its documentation and real libvirts write it."""

from __future__ import annotations

import pytest

from backend.vmm.domain import (
    HostDevice,
    NodeDevice,
    read_capabilities,
    read_definition,
    read_node_device,
    swap_devices,
)

MDEV = "4b20d080-1b54-4048-85b3-a6a62d165c01"
HOSTDEVS = f"""
<hostdev mode='subsystem' type='pci' managed='yes'>
  <driver name='vfio'/>
  <source><address domain='0x0000' bus='0xc1' slot='0x00' function='0x6'/></source>
  <alias name='hostdev0'/>
  <address type='pci' domain='0x0000' bus='0x05' slot='0x00' function='0x0'/>
</hostdev>
<hostdev mode='subsystem' type='mdev' managed='no' model='vfio-pci'>
  <source><address uuid='{MDEV.upper()}'/></source><alias name='hostdev1'/>
</hostdev>
<hostdev mode='subsystem' type='usb'><source><address bus='1' device='2'/></source><alias name='hostdev2'/></hostdev>
<interface type='hostdev' managed='yes'>
  <mac address='52:54:00:11:22:33'/>
  <source><address type='pci' domain='0x0000' bus='0xc1' slot='0x02' function='0x1'/></source>
  <teaming type='transient' persistent='ua-backup0'/>
  <alias name='hostdev3'/>
</interface>
"""


def domain(inside: str = "", *, devices: str = "") -> str:
    return f"""<domain type='kvm' id='3'><name>web</name><memory unit='KiB'>2097152</memory>
      <os><type arch='x86_64' machine='pc-q35-9.2'>hvm</type></os>{inside}
      <devices><emulator>/usr/bin/qemu-system-x86_64</emulator>{devices}</devices></domain>"""


def test_what_matters_of_a_definition() -> None:
    found = read_definition(domain("<cpu mode='host-passthrough'/>", devices=HOSTDEVS))
    assert (found.arch, found.machine, found.type) == ("x86_64", "pc-q35-9.2", "kvm")
    assert found.emulator == "/usr/bin/qemu-system-x86_64"
    assert (found.memory, found.cpu_mode) == (2 << 30, "host-passthrough")
    assert found.cpu.startswith("<cpu ")
    assert found.host_devices == (
        HostDevice("0000:c1:00.6", "hostdev0", "pci"),
        HostDevice(MDEV, "hostdev1", "mdev"),
        HostDevice("usb", "hostdev2", "usb"),
        HostDevice("0000:c1:02.1", "hostdev3", "pci", "ua-backup0"),
    )
    assert found.blockers == ()


@pytest.mark.parametrize(
    ("inside", "devices", "cause"),
    [
        ("", "<disk><target dev='vdb'/><transient/></disk>", "disk vdb is transient"),
        ("", "<shmem name='mine' role='peer'/>", "shared memory mine has not the role master"),
        ("", "<shmem name='mine'/>", "shared memory mine"),
        ("", "<hostdev mode='subsystem' type='scsi'><alias name='hostdev0'/></hostdev>", "hostdev0: a scsi device"),
        ("<cpu><feature policy='require' name='invtsc'/></cpu>", "", "its CPU has invtsc"),
    ],
)
def test_what_libvirt_refuses(inside: str, devices: str, cause: str) -> None:
    ((found, remedy),) = read_definition(domain(inside, devices=devices)).blockers
    assert cause in found
    assert remedy


@pytest.mark.parametrize(
    ("inside", "devices"),
    [
        ("<cpu><feature policy='disable' name='invtsc'/></cpu>", ""),
        (
            "<cpu><feature policy='require' name='invtsc'/></cpu>"
            "<clock><timer name='tsc' frequency='2599998000'/></clock>",
            "",
        ),
        ("", "<shmem name='mine' role='master'/>"),
    ],
)
def test_what_libvirt_lets_go(inside: str, devices: str) -> None:
    assert read_definition(domain(inside, devices=devices)).blockers == ()


def test_other_devices_in_the_place_of_its_own() -> None:
    there = "9f4a2a63-9aa1-4f64-bb2f-0d3f3a0c5a11"
    swaps = {"0000:c1:00.6": "0001:41:1f.7", MDEV: there, "0000:c1:02.1": "0000:42:00.2"}
    found = read_definition(swap_devices(domain(devices=HOSTDEVS), swaps))
    names = [device.device for device in found.host_devices]
    assert names == ["0001:41:1f.7", there, "usb", "0000:42:00.2"]
    assert [device.alias for device in found.host_devices] == ["hostdev0", "hostdev1", "hostdev2", "hostdev3"]


def test_devices_of_a_host() -> None:
    pci = """<device><name>pci_0000_c1_00_6</name><driver><name>mlx5_vfio_pci</name></driver>
      <capability type='pci'><domain>0</domain><bus>193</bus><slot>0</slot><function>6</function>
      <product id='0x101e'>VF</product><vendor id='0x15b3'>Mellanox</vendor></capability></device>"""
    assert read_node_device(pci) == NodeDevice("0000:c1:00.6", "mlx5_vfio_pci", "15b3", "101e")
    mdev = f"""<device><name>mdev_x</name><driver><name>vfio_mdev</name></driver>
      <capability type='mdev'><type id='mtty-2'/><uuid>{MDEV}</uuid></capability></device>"""
    assert read_node_device(mdev) == NodeDevice(MDEV, "vfio_mdev", mdev_type="mtty-2")


def test_the_host_itself() -> None:
    uuid = "5aab62ea-1ad8-5083-a410-08c2524ea6ae"
    text = f"<capabilities><host><uuid>{uuid}</uuid><cpu><model>X</model></cpu></host></capabilities>"
    found = read_capabilities(text)
    assert (found.uuid, found.cpu) == (uuid, "<cpu><model>X</model></cpu>")


def test_what_is_no_xml() -> None:
    with pytest.raises(ValueError, match="no XML of libvirt"):
        read_definition("<domain")
