"""The hardware that scenarios are made of: ids and abilities of real PCI functions."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Sriov:
    """The SR-IOV capability of a model of PF."""

    vf: str
    """Model of its VFs."""
    total: int
    offset: int
    stride: int
    vf_msix: int = 0
    """``sriov_vf_total_msix``; 0 where the PF driver does not manage vectors."""


@dataclass(frozen=True, slots=True)
class Model:
    """A kind of PCI function."""

    vendor: int
    device: int
    subvendor: int
    subdevice: int
    class_code: int
    revision: int = 0
    pcie: bool = True
    aer: bool = True
    pm: bool = True
    """Has the power management capability, so that it can sleep in D3hot."""
    resets: str = "flr"
    vectors: int = 1
    """Interrupts that the host driver takes."""
    bar: int = 0x4000
    bars: tuple[int, ...] = (0,)
    link: tuple[str, int] = ("16.0 GT/s PCIe", 16)
    port: str = ""
    """"" for an endpoint, else root, up, down or pci (a bridge to conventional PCI)."""
    sriov: Sriov | None = None
    dead_on_host: bool = False
    """Its host driver's probe fails with ENODEV, as that of the VFs of QEMU's NVMe does."""


_QEMU_LINK = ("2.5 GT/s PCIe", 1)

MODELS: dict[str, Model] = {
    # QEMU's q35 machine
    "q35-host-bridge": Model(
        0x8086, 0x29C0, 0x1AF4, 0x1100, 0x060000, pcie=False, aer=False, pm=False, resets="", bars=()
    ),
    "q35-lpc": Model(
        0x8086,
        0x2918,
        0x1AF4,
        0x1100,
        0x060100,
        2,
        pcie=False,
        aer=False,
        pm=False,
        resets="",
        bars=(),
        vectors=0,
    ),
    "q35-ahci": Model(
        0x8086, 0x2922, 0x1AF4, 0x1100, 0x010601, 2, pcie=False, aer=False, pm=False, resets="", bars=(5,)
    ),
    "q35-smbus": Model(
        0x8086,
        0x2930,
        0x1AF4,
        0x1100,
        0x0C0500,
        2,
        pcie=False,
        aer=False,
        pm=False,
        resets="",
        bars=(),
        vectors=0,
    ),
    "virtio-9p": Model(0x1AF4, 0x1009, 0x1AF4, 0x0009, 0x000200, pcie=False, aer=False, resets="", vectors=2),
    "virtio-net": Model(0x1AF4, 0x1000, 0x1AF4, 0x0001, 0x020000, pcie=False, aer=False, resets="", vectors=3),
    "virtio-rng": Model(0x1AF4, 0x1005, 0x1AF4, 0x0004, 0x00FF00, pcie=False, aer=False, resets="", vectors=2),
    "qemu-root-port": Model(
        0x1B36, 0x000C, 0x1B36, 0x0000, 0x060400, resets="", link=("16.0 GT/s PCIe", 32), port="root"
    ),
    "qemu-pci-bridge": Model(0x1B36, 0x000E, 0, 0, 0x060400, resets="pm bus", link=_QEMU_LINK, port="pci"),
    "igb": Model(
        0x8086,
        0x10C9,
        0x1AF4,
        0x1100,
        0x020000,
        1,
        resets="flr pm bus",
        vectors=3,
        bars=(0, 1, 3),
        link=_QEMU_LINK,
        sriov=Sriov("igbvf", 7, 128, 2),
    ),
    "igbvf": Model(0x8086, 0x10CA, 0x1AF4, 0x1100, 0x020000, 1, pm=False, vectors=3, bars=(0, 3), link=_QEMU_LINK),
    "qemu-nvme": Model(0x1B36, 0x0010, 0x1AF4, 0x1100, 0x010802, 2, aer=False, vectors=2, link=_QEMU_LINK),
    "qemu-nvme-sriov": Model(
        0x1B36,
        0x0010,
        0x1AF4,
        0x1100,
        0x010802,
        2,
        aer=False,
        resets="flr bus",
        vectors=2,
        link=_QEMU_LINK,
        sriov=Sriov("qemu-nvme-vf", 127, 1, 1),
    ),
    "qemu-nvme-vf": Model(0x1B36, 0x0010, 0x1AF4, 0x1100, 0x010802, 2, aer=False, link=_QEMU_LINK, dead_on_host=True),
    "e1000": Model(
        0x8086,
        0x100E,
        0x1AF4,
        0x1100,
        0x020000,
        3,
        pcie=False,
        aer=False,
        pm=False,
        resets="bus",
        bars=(0, 1),
    ),
    # Servers
    "host-bridge": Model(0x8086, 0x09A2, 0x15D9, 0x1B6F, 0x088000, 4, aer=False, pm=False, resets="", bars=()),
    "root-port": Model(0x8086, 0x352A, 0x15D9, 0x1B6F, 0x060400, 4, resets="pm", port="root"),
    "switch-up": Model(0x1000, 0xC030, 0x1000, 0x100B, 0x060400, 0xB0, resets="pm bus", port="up"),
    "switch-down": Model(0x1000, 0xC030, 0x1000, 0x100B, 0x060400, 0xB0, resets="pm bus", port="down"),
    "vmd": Model(0x8086, 0x28C0, 0x15D9, 0x1B6F, 0x010400, 4, aer=False, resets="", vectors=8),
    "aspeed-vga": Model(0x1A03, 0x2000, 0x15D9, 0x1B6F, 0x030000, 0x52, pcie=False, aer=False, resets="pm"),
    "connectx7": Model(
        0x15B3,
        0x1021,
        0x15B3,
        0x0023,
        0x020000,
        resets="flr bus",
        vectors=64,
        bar=0x2000000,
        link=("32.0 GT/s PCIe", 16),
        sriov=Sriov("connectx-vf", 16, 2, 1, 1024),
    ),
    "connectx-vf": Model(
        0x15B3, 0x101E, 0x15B3, 0x0023, 0x020000, vectors=11, bar=0x100000, link=("32.0 GT/s PCIe", 16)
    ),
    "e810": Model(
        0x8086,
        0x1592,
        0x8086,
        0x0002,
        0x020000,
        2,
        resets="flr bus",
        vectors=64,
        bar=0x2000000,
        bars=(0, 3),
        sriov=Sriov("iavf", 256, 8, 1),
    ),
    "x710": Model(
        0x8086,
        0x1572,
        0x8086,
        0x0007,
        0x020000,
        2,
        resets="flr bus",
        vectors=32,
        bar=0x800000,
        bars=(0, 3),
        link=("8.0 GT/s PCIe", 8),
        sriov=Sriov("iavf-x710", 64, 16, 1),
    ),
    "iavf": Model(0x8086, 0x1889, 0x8086, 0x0000, 0x020000, 2, vectors=5, bar=0x20000, bars=(0, 3)),
    "iavf-x710": Model(
        0x8086,
        0x154C,
        0x8086,
        0x0000,
        0x020000,
        2,
        vectors=5,
        bar=0x10000,
        bars=(0, 3),
        link=("8.0 GT/s PCIe", 8),
    ),
    "ena-pf": Model(0x1D0F, 0x0053, 0x1D0F, 0x0051, 0x020000, bar=0x100000, sriov=Sriov("ena-vf", 32, 4, 1)),
    "ena-vf": Model(0x1D0F, 0xEC20, 0x1D0F, 0xEC20, 0x020000, vectors=9, bar=0x10000),
    "qat-4xxx": Model(
        0x8086,
        0x4940,
        0x8086,
        0x0000,
        0x0B4000,
        0x40,
        vectors=17,
        bar=0x400000,
        bars=(0, 2, 4),
        sriov=Sriov("qat-vf", 16, 8, 1),
    ),
    "qat-vf": Model(0x8086, 0x4941, 0x8086, 0x0000, 0x0B4000, 0x40, bar=0x1000, bars=(0, 2)),
    "l40s": Model(
        0x10DE,
        0x26B9,
        0x10DE,
        0x1851,
        0x030200,
        0xA1,
        resets="flr bus",
        vectors=6,
        bar=0x1000000,
        bars=(0, 1, 3),
        sriov=Sriov("l40s-vf", 32, 4, 1),
    ),
    "l40s-vf": Model(0x10DE, 0x26B9, 0x10DE, 0x0000, 0x030200, 0xA1, bar=0x800000, bars=(0, 1)),
    "a10": Model(
        0x10DE,
        0x2236,
        0x10DE,
        0x1482,
        0x030200,
        0xA1,
        resets="flr bus",
        vectors=6,
        bar=0x1000000,
        bars=(0, 1, 3),
        sriov=Sriov("a10-vf", 32, 4, 1),
    ),
    "a10-vf": Model(0x10DE, 0x2236, 0x10DE, 0x0000, 0x030200, 0xA1, bar=0x800000, bars=(0, 1)),
    "geforce": Model(0x10DE, 0x2484, 0x1458, 0x404C, 0x030000, 0xA1, resets="bus", bar=0x1000000, bars=(0, 1, 3)),
    "geforce-audio": Model(0x10DE, 0x228B, 0x1458, 0x404C, 0x040300, 0xA1, resets="bus"),
    "flex170": Model(
        0x8086,
        0x56C0,
        0x8086,
        0x4905,
        0x038000,
        8,
        vectors=1,
        bar=0x1000000,
        bars=(0, 2),
        sriov=Sriov("flex170-vf", 31, 1, 1),
    ),
    "flex170-vf": Model(0x8086, 0x56C0, 0x8086, 0x4905, 0x038000, 8, bar=0x1000000, bars=(0, 2)),
    "nvme-ssd": Model(0x144D, 0xA80A, 0x144D, 0xA801, 0x010802, vectors=9, link=("16.0 GT/s PCIe", 4)),
    "hba": Model(0x1000, 0x00E6, 0x1000, 0x4050, 0x010700, 2, resets="bus", vectors=16, bars=(0, 2)),
    "xhci": Model(0x8086, 0xA36D, 0x15D9, 0x1B6F, 0x0C0330, 0x10, aer=False, resets="pm", vectors=1),
    "i350": Model(
        0x8086,
        0x1521,
        0x15D9,
        0x1521,
        0x020000,
        1,
        resets="flr pm bus",
        vectors=9,
        bars=(0, 3),
        link=("5.0 GT/s PCIe", 4),
        sriov=Sriov("i350-vf", 7, 384, 4),
    ),
    "i350-vf": Model(0x8086, 0x1520, 0x15D9, 0x1521, 0x020000, 1, vectors=3, bars=(0, 3), link=("5.0 GT/s PCIe", 4)),
}
