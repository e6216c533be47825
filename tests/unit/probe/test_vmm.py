"""Command lines of VMMs: of real ones what they say, of any other nothing bad."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from backend.probe.holders.vmm import assigned_devices, is_service, is_vmm, vm_name

UUID = "83b8f4f2-509f-382f-3c1e-e6bfe0fa1001"
LIBVIRT = (
    "/usr/bin/qemu-system-x86_64 -name guest=web-1,debug-threads=on -S -machine pc-q35-10.0,usb=off -m size=2097152k "
    '-device {"driver":"vfio-pci","host":"0000:01:10.0","id":"hostdev0","bus":"pci.5","addr":"0x0"} '
    '-device {"driver":"vfio-pci","sysfsdev":"/sys/bus/mdev/devices/' + UUID + '","id":"hostdev1"} '
    '-device {"driver":"virtio-net-pci","netdev":"hostnet0","id":"net0","mac":"52:54:00:aa:00:01"}'
).split()
PROXMOX = [
    "/usr/bin/kvm",
    "-id",
    "204",
    "-name",
    "render,debug-threads=on",
    "-device",
    "vfio-pci,host=0000:41:00.6,id=hostpci0",
]
PLAIN = [
    "qemu-system-x86_64",
    "-machine",
    "q35",
    "-name",
    "build",
    "-device",
    "vfio-pci,host=01:10.0",
    "-device",
    "e1000,netdev=n0",
]


@pytest.mark.parametrize(
    ("argv", "name", "devices"),
    [
        (LIBVIRT, "web-1", ["0000:01:10.0", UUID]),
        (PROXMOX, "render", ["0000:41:00.6"]),
        (PLAIN, "build", ["0000:01:10.0"]),
        (["qemu-kvm", "--name=x", "--device=vfio-pci,host=10000:e1:00.0"], "x", ["10000:e1:00.0"]),
        (["qemu-system-x86_64", "-device", "vfio-pci,sysfsdev=/sys/bus/pci/devices/0000:3B:00.2/"], "comm",
         ["0000:3b:00.2"]),
        (["cloud-hypervisor", "--device", "path=/sys/bus/pci/devices/0000:3b:00.2/,iommu=on"], "comm",
         ["0000:3b:00.2"]),
        (["qemu-system-x86_64"], "comm", []),
        (["qemu-system-x86_64", "-device"], "comm", []),
        (["qemu-system-x86_64", "-device", "{", "-device", "vfio-pci,host=", "-name", ""], "", []),
        (["qemu-system-x86_64", "-device", '{"driver":"vfio-pci","host":7}', "-device", "[" * 100], "comm", []),
        (["qemu-system-x86_64", "-device", '{"driver":"e1000","host":"0000:01:10.0"}'], "comm", []),
        (["qemu-system-x86_64", "-device", "vfio-pci,host=../../etc"], "comm", []),
    ],
)  # fmt: skip
def test_known_command_lines(argv: list[str], name: str, devices: list[str]) -> None:
    assert (vm_name("comm", argv), list(assigned_devices(argv))) == (name, devices)


@pytest.mark.parametrize(
    ("name", "argv", "vmm"),
    [
        ("qemu-system-x86", LIBVIRT, True),
        ("qemu-system-x86", [], True),
        ("kvm", PROXMOX, True),
        ("qemu-kvm", ["/usr/libexec/qemu-kvm"], True),
        ("qemu-system-aar", ["/usr/bin/qemu-system-aarch64"], True),
        ("cloud-hyperviso", ["/usr/bin/cloud-hypervisor"], True),
        ("qemu-img", ["qemu-img", "convert"], False),
        ("qemu-nbd", ["/usr/bin/qemu-nbd"], False),
        ("bash", ["bash", "-c", "qemu-system-x86_64"], False),
        ("kvm-pit", [], False),
        ("dpdk-testpmd", ["/usr/bin/dpdk-testpmd"], False),
        ("", [], False),
        ("", [""], False),
    ],
)
def test_which_programs_run_vms(name: str, argv: list[str], *, vmm: bool) -> None:
    assert is_vmm(name, argv) is vmm


def test_services() -> None:
    assert is_service("qatmgr")
    assert not is_service("nginx")


_WORDS = st.one_of(
    st.text(),
    st.sampled_from(["-device", "--device", "-name", "--name", "--device=", "-", "--", "{}", "{", "host=", "guest="]),
    st.builds("vfio-pci,host={}".format, st.text()),
    st.builds('{{"driver":"vfio-pci","host":{}}}'.format, st.text()),
    st.builds("guest={},x={}".format, st.text(), st.text()),
)


@given(st.text(), st.lists(_WORDS))
def test_any_command_line_can_be_read(name: str, argv: list[str]) -> None:
    is_vmm(name, argv)
    assert isinstance(vm_name(name, argv), str)
    for device in assigned_devices(argv):
        assert device.isascii()
        assert len(device) in range(12, 37)


def test_a_deeply_nested_option_is_no_crash() -> None:
    assert list(assigned_devices(["-device", '{"a":' * 100_000])) == []
