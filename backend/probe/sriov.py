"""The SR-IOV capability of a PF, without a single attribute that takes the PF's lock."""

from __future__ import annotations

from collections.abc import Mapping

from backend.model.device import Sriov, VfManager
from backend.model.ids import BadIdError, PciAddress
from backend.probe.attributes import Attributes

_VFIO_PCI = "vfio-pci"


def virtual_functions(attributes: Attributes, entries: frozenset[str]) -> dict[int, PciAddress]:
    """Return index → VF, by the ``virtfn`` links among the PF's ``entries``."""
    indices = sorted(int(name[6:]) for name in entries if name.startswith("virtfn") and name[6:].isdecimal())
    found = {}
    for index in indices:
        name = attributes.link(f"virtfn{index}", "sriov")
        try:
            found[index] = PciAddress.parse(name or "")
        except BadIdError:
            continue
    return found


def read_sriov(attributes: Attributes, vfs: Mapping[int, PciAddress], driver: str) -> Sriov:
    """Return the SR-IOV side of a PF that has ``vfs``.

    ``sriov_numvfs`` and ``sriov_vf_total_msix`` are never read: both wait for the device lock, for ever when
    a VF is being removed under a guest. The VFs are counted by their links.
    """
    return Sriov(
        vfs=tuple(vfs.values()),
        total=attributes.number("sriov_totalvfs", "sriov"),
        offset=attributes.number("sriov_offset", "sriov"),
        stride=attributes.number("sriov_stride", "sriov"),
        vf_device=_digits(attributes.number("sriov_vf_device", "sriov", 16)),
        autoprobe=_flag(attributes.number("sriov_drivers_autoprobe", "sriov")),
        manager=vf_manager(driver),
    )


def vf_manager(driver: str) -> VfManager:
    """Return who manages the VFs of a PF bound to ``driver``."""
    if not driver:
        return VfManager.NONE
    if driver == "pci-pf-stub":
        return VfManager.PF_STUB
    return VfManager.VFIO_TOKEN if driver == _VFIO_PCI else VfManager.HOST_DRIVER


def _digits(number: int | None) -> str:
    """Return a device id in four hex digits: the kernel leaves out leading zeros here."""
    return "" if number is None or number < 0 else f"{number:04x}"


def _flag(number: int | None) -> bool | None:
    return None if number is None else number != 0
