"""A host of files: two PFs below a folder, laid out as the kernel does."""

from __future__ import annotations

from pathlib import Path

PF = "0000:01:00.0"
OTHER_PF = "0000:02:00.0"

_ATTRIBUTES = {
    "vendor": "0x8086",
    "device": "0x10c9",
    "class": "0x020000",
    "modalias": "pci:v00008086d000010C9sv00008086sd00000000bc02sc00i00",
    "enable": "1",
    "sriov_numvfs": "0",
    "sriov_totalvfs": "7",
    "sriov_offset": "128",
    "sriov_stride": "2",
    "sriov_vf_device": "10ca",
    "sriov_drivers_autoprobe": "1",
}


def make_tree(folder: Path) -> Path:
    """Return a new /sys below a folder."""
    root = folder / "sys"
    (root / "bus/pci/devices").mkdir(parents=True)
    (root / "bus/pci/drivers/igb").mkdir(parents=True)
    for address in (PF, OTHER_PF):
        device = root / "devices/pci0000:00" / address
        device.mkdir(parents=True)
        for name, value in _ATTRIBUTES.items():
            (device / name).write_text(f"{value}\n")
        (device / "driver").symlink_to("../../../bus/pci/drivers/igb")
        (root / "bus/pci/devices" / address).symlink_to(f"../../../devices/pci0000:00/{address}")
        (root / "bus/pci/drivers/igb" / address).symlink_to(f"../../../../devices/pci0000:00/{address}")
    return root
