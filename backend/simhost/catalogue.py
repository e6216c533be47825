"""The PCI drivers a simulated kernel may have: what they match and how they behave."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from backend.simhost.models import Model


@dataclass(frozen=True, slots=True)
class DriverSpec:
    """A PCI driver.

    ``sriov`` says how it takes a write of ``sriov_numvfs``: not at all; by itself (VFs go when it is
    unbound); by ``pci_sriov_configure_simple`` (VFs stay when it is unbound); or as vfio-pci does.
    """

    name: str
    module: str
    ids: tuple[tuple[int, int], ...] = ()
    class_prefix: int | None = None
    """Matches this class code, shifted right by 8 bits."""
    override_only: bool = False
    """Matches its ids only by ``driver_override``, as VFIO variant drivers do."""
    vfio: bool = False
    managed_dma: bool = False
    """``driver_managed_dma``: does not break the viability of an IOMMU group."""
    sriov: Literal["", "own", "simple", "vfio"] = ""
    creates: tuple[str, ...] = ()
    """Class devices: net, nvme, infiniband, uio."""
    enables: bool = True
    migration: tuple[str, ...] = ()
    """Lines of the debugfs file ``migration/features``."""

    def matches(self, model: Model) -> bool:
        """Tell whether its own table of ids names this hardware."""
        if (model.vendor, model.device) in self.ids:
            return True
        return self.class_prefix is not None and model.class_code >> 8 == self.class_prefix


def _vfio(name: str, module: str, *ids: tuple[int, int], migration: tuple[str, ...] = ()) -> DriverSpec:
    generic = name == "vfio-pci"
    return DriverSpec(
        name,
        module,
        ids,
        override_only=True,
        vfio=True,
        managed_dma=True,
        sriov="vfio" if generic else "",
        enables=False,
        migration=migration,
    )


_ALL = (
    DriverSpec("pcieport", "pcieportdrv", class_prefix=0x0604, managed_dma=True),
    DriverSpec("lpc_ich", "lpc_ich", ((0x8086, 0x2918),), enables=False),
    DriverSpec("ahci", "ahci", class_prefix=0x0106),
    DriverSpec("i801_smbus", "i2c_i801", ((0x8086, 0x2930),)),
    DriverSpec("virtio-pci", "virtio_pci", ((0x1AF4, 0x1009), (0x1AF4, 0x1000), (0x1AF4, 0x1005)), sriov="simple"),
    DriverSpec("igb", "igb", ((0x8086, 0x10C9), (0x8086, 0x1521)), sriov="own", creates=("net",)),
    DriverSpec("igbvf", "igbvf", ((0x8086, 0x10CA), (0x8086, 0x1520)), creates=("net",)),
    DriverSpec("e1000", "e1000", ((0x8086, 0x100E),), creates=("net",)),
    DriverSpec("nvme", "nvme", class_prefix=0x0108, sriov="simple", creates=("nvme",)),
    DriverSpec(
        "mlx5_core",
        "mlx5_core",
        ((0x15B3, 0x1021), (0x15B3, 0x101E)),
        sriov="own",
        creates=("net", "infiniband"),
    ),
    DriverSpec("ice", "ice", ((0x8086, 0x1592),), sriov="own", creates=("net",)),
    DriverSpec("i40e", "i40e", ((0x8086, 0x1572),), sriov="own", creates=("net",)),
    DriverSpec("iavf", "iavf", ((0x8086, 0x1889), (0x8086, 0x154C)), creates=("net",)),
    DriverSpec("4xxx", "qat_4xxx", ((0x8086, 0x4940),), sriov="own"),
    DriverSpec("nvidia", "nvidia", ((0x10DE, 0x26B9), (0x10DE, 0x2236), (0x10DE, 0x2484)), sriov="own"),
    DriverSpec("snd_hda_intel", "snd_hda_intel", class_prefix=0x0403),
    DriverSpec("xe", "xe", ((0x8086, 0x56C0),), sriov="own", creates=("drm",)),
    DriverSpec("ast", "ast", ((0x1A03, 0x2000),), creates=("drm",)),
    DriverSpec("mpt3sas", "mpt3sas", ((0x1000, 0x00E6),)),
    DriverSpec("xhci_hcd", "xhci_pci", class_prefix=0x0C03),
    DriverSpec("vmd", "vmd", ((0x8086, 0x28C0),)),
    DriverSpec("pci-stub", "pci_stub", managed_dma=True, enables=False),
    DriverSpec("pci-pf-stub", "pci_pf_stub", ((0x1D0F, 0x0053),), sriov="simple", enables=True),
    DriverSpec("uio_pci_generic", "uio_pci_generic", creates=("uio",)),
    DriverSpec("igb_uio", "igb_uio", creates=("uio",)),
    _vfio("vfio-pci", "vfio_pci"),
    _vfio(
        "mlx5_vfio_pci",
        "mlx5_vfio_pci",
        (0x15B3, 0x101E),
        migration=("stop-copy", "p2p", "pre-copy", "dirty-tracking"),
    ),
    _vfio("qat_vfio_pci", "qat_vfio_pci", (0x8086, 0x4941), migration=("stop-copy", "p2p", "pre-copy")),
    _vfio("xe_vfio_pci", "xe_vfio_pci", (0x8086, 0x56C0), migration=("stop-copy", "p2p")),
)

DRIVERS: dict[str, DriverSpec] = {spec.name: spec for spec in _ALL}


def module_aliases() -> str:
    """Return ``modules.alias``: which module has a driver for which hardware."""
    lines = ["# Aliases extracted from modules themselves."]
    for spec in _ALL:
        bus = "vfio_pci" if spec.override_only else "pci"
        for vendor, device in spec.ids:
            lines.append(f"alias {bus}:v{vendor:08X}d{device:08X}sv*sd*bc*sc*i* {spec.module}")
        if spec.class_prefix is not None:
            base, sub = spec.class_prefix >> 8, spec.class_prefix & 0xFF
            lines.append(f"alias pci:v*d*sv*sd*bc{base:02X}sc{sub:02X}i* {spec.module}")
    lines.append("alias vfio_pci:v*d*sv*sd*bc*sc*i* vfio_pci")
    return "\n".join(lines) + "\n"
