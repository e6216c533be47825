"""What other tools set at boot, read from their own files, and who wins."""

from __future__ import annotations

import pytest

from backend.model.boot import Claim, Subject
from backend.model.steps import at_once
from backend.probe.boot.others import read_claims
from backend.simhost.clock import ManualClock
from backend.simhost.open import open_spec
from backend.state.collect import Collector

PF = "0000:01:00.0"


def claims(**files: str) -> list[Claim]:
    """Return what is claimed on the host ``bare``, whose PF is ``eno1`` of igb, with these files (``__`` is /)."""
    host = open_spec("bare", ManualClock(), True)
    for name, text in files.items():
        folder, _, file = f"/{name.replace('__', '/').replace('_DOT_', '.').replace('_DASH_', '-')}".rpartition("/")
        host.kernel.folder(folder).file(file, text)
    collector = Collector(host)
    at_once(collector.read_all())
    assert collector.host is not None
    return list(read_claims(host.files, collector.host.devices.values()))


def one(found: list[Claim]) -> tuple[str, Subject, str, str, bool]:
    (claim,) = found
    return claim.tool, claim.subject, claim.device, claim.value, claim.sure


def test_driverctl_and_mdevctl() -> None:
    assert one(claims(**{f"etc__driverctl_DOT_d__pci-{PF}": "vfio-pci\n"})) == (
        "driverctl", Subject.DRIVER, PF, "vfio-pci", True,
    )  # fmt: skip
    uuid = "83b8f4f2-509f-382f-3c1e-e6bfe0fa1001"
    text = '{"mdev_type": "mtty-1", "start": "auto"}'
    assert one(claims(**{f"etc__mdevctl_DOT_d__mtty__{uuid}": text})) == ("mdevctl", Subject.MDEV, uuid, "mtty-1", True)
    assert claims(**{f"etc__mdevctl_DOT_d__mtty__{uuid}": text.replace("auto", "manual")}) == []
    assert claims(**{f"etc__mdevctl_DOT_d__mtty__{uuid}": "{"}) == []


@pytest.mark.parametrize(
    ("match", "sure"),
    [
        ("Driver=igb", True),
        ("Path=pci-0000:01:00.0", True),
        ("PermanentMACAddress=3c:ec:ef:10:00:01", True),
        ("OriginalName=*", True),
        ("OriginalName=eth0", False),
        ("Property=ID_VENDOR_ID=0x8086", False),
    ],
)
def test_link_files(match: str, sure: bool) -> None:
    text = f"# VFs\n[Match]\n{match}\n[Link]\nSR-IOVVirtualFunctions=4\n"
    assert one(claims(etc__systemd__network__10_DASH_x_DOT_link=text)) == (
        "systemd.link", Subject.VFS, PF, "4", sure,
    )  # fmt: skip


def test_the_first_link_file_that_matches_is_the_only_one() -> None:
    ours = "[Match]\nDriver=igb\n[SR-IOV]\nVirtualFunction=0\nVLANId=3\n"
    found = claims(etc__systemd__network__20_DASH_b_DOT_link=ours)
    assert {claim.subject for claim in found} == {Subject.VFS, Subject.POLICY}
    first = "[Match]\nDriver=igb\n[Link]\nNamePolicy=keep\n"
    assert claims(etc__systemd__network__10_DASH_a_DOT_link=first, etc__systemd__network__20_DASH_b_DOT_link=ours) == []
    assert claims(etc__systemd__network__20_DASH_b_DOT_link=ours.replace("igb", "ice")) == []


def test_a_file_in_etc_hides_the_one_of_the_distribution() -> None:
    text = "[Match]\nDriver=igb\n[Link]\nSR-IOVVirtualFunctions=4\n"
    found = claims(
        usr__lib__systemd__network__10_DASH_x_DOT_link=text,
        etc__systemd__network__10_DASH_x_DOT_link=text.replace("=4", "=2"),
    )
    assert one(found)[3] == "2"


@pytest.mark.parametrize(
    ("line", "subject", "value", "sure"),
    [
        ('ACTION=="add", SUBSYSTEM=="net", KERNEL=="eno1", ATTR{device/sriov_numvfs}="4"', Subject.VFS, "4", True),
        ('ACTION=="add", KERNELS=="0000:01:00.0", ATTR{sriov_numvfs}="2"', Subject.VFS, "2", True),
        ('KERNEL=="0000:01:00.0", ATTR{driver_override}="vfio-pci"', Subject.DRIVER, "vfio-pci", True),
        ('KERNEL=="eno1", RUN+="/bin/sh -c \'echo 4 > /sys/class/net/%k/device/sriov_numvfs\'"', Subject.VFS, "", True),
        ('KERNEL=="eno1", ENV{X}=="y", ATTR{device/sriov_numvfs}="4"', Subject.VFS, "4", False),
    ],
)
def test_rules_of_udev(line: str, subject: Subject, value: str, sure: bool) -> None:
    found = claims(etc__udev__rules_DOT_d__70_DASH_vf_DOT_rules=f"# {line}\n{line}\n")
    assert one(found) == ("udev", subject, PF, value, sure)


def test_rules_that_are_about_something_else() -> None:
    rules = 'KERNEL=="eth9", ATTR{device/sriov_numvfs}="4"\nKERNEL=="eno1", ATTR{device/sriov_numvfs}=="0", TAG+="x"\n'
    assert claims(etc__udev__rules_DOT_d__70_DASH_vf_DOT_rules=rules) == []


def test_sysfs_conf_and_tmpfiles() -> None:
    assert one(claims(etc__sysfs_DOT_conf=f"bus/pci/devices/{PF}/sriov_numvfs = 4 # four\n")) == (
        "sysfs.conf", Subject.VFS, PF, "4", True,
    )  # fmt: skip
    assert one(claims(etc__sysfs_DOT_d__v_DOT_conf="class/net/eno1/device/sriov_numvfs = 4")) == (
        "sysfs.conf", Subject.VFS, PF, "4", True,
    )  # fmt: skip
    line = f"w /sys/bus/pci/devices/{PF}/driver_override - - - - vfio-pci"
    assert one(claims(etc__tmpfiles_DOT_d__v_DOT_conf=line)) == (
        "tmpfiles.d", Subject.DRIVER, PF, "vfio-pci", True,
    )  # fmt: skip
    assert claims(etc__tmpfiles_DOT_d__v_DOT_conf="d /run/x 0755 root root -\nw /sys/power/state - - - - mem\n") == []


def test_who_wins() -> None:
    (sure,) = claims(**{f"etc__driverctl_DOT_d__pci-{PF}": "vfio-pci"})
    assert sure.text.endswith(f"by /etc/driverctl.d/pci-{PF}, and wins: iovtop leaves it alone")
    (unsure,) = claims(etc__systemd__network__1_DOT_link="[Match]\nHost=x\n[Link]\nSR-IOVVirtualFunctions=4\n")
    assert unsure.text.endswith("iovtop comes later at boot and wins")
