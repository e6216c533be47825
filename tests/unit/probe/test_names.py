"""Names from a pci.ids."""

from __future__ import annotations

from pathlib import Path

import pytest

from backend.probe.names import PciNames

_IDS = """\
# A comment
8086  Intel Corporation
\t10c9  82576 Gigabit Network Connection
# another
\t10ca  82576 Virtual Function
\t\t1af4 1100  QEMU Virtual Machine
10de  NVIDIA Corporation
\t26b9  AD102GL [L40S]
\tdead  \x1b[31mred\x1b[0m
1af4  Red Hat, Inc.

C 02  Network controller
\t00  Ethernet controller
ffff  Illegal Vendor ID
\tffff  caf\xe9"""


@pytest.fixture
def names(tmp_path: Path) -> PciNames:
    """Lookups in the small file, the second place that is tried."""
    file = tmp_path / "pci.ids"
    file.write_bytes(_IDS.encode("latin-1"))
    return PciNames((str(tmp_path / "nothing"), str(file)))


@pytest.mark.parametrize(
    ("vendor", "device", "name"),
    [
        ("8086", "10c9", "82576 Gigabit Network Connection"),
        ("8086", "10ca", "82576 Virtual Function"),
        ("10de", "26b9", "AD102GL [L40S]"),
        ("10de", "10c9", ""),
        ("8086", "26b9", ""),
        ("8086", "1af4", ""),
        ("1af4", "1100", ""),
        ("abcd", "0001", ""),
        ("10de", "dead", "\\x1b[31mred\\x1b[0m"),
        ("ffff", "ffff", "caf\\xe9"),
    ],
)
def test_devices(names: PciNames, vendor: str, device: str, name: str) -> None:
    assert names.device(vendor, device) == name
    assert names.device(vendor, device) == name


def test_vendors(names: PciNames) -> None:
    assert names.vendor("8086") == "Intel Corporation"
    assert names.vendor("1af4") == "Red Hat, Inc."
    assert names.vendor("0000") == ""


def test_without_a_file_nobody_has_a_name(tmp_path: Path) -> None:
    assert PciNames((str(tmp_path / "nothing"), str(tmp_path))).device("8086", "10c9") == ""
