"""Why a view has no rows, and what to do about it."""

from __future__ import annotations

from backend.model.host import Host


def no_groups(host: Host) -> tuple[str, str, str]:
    """Return that there are no IOMMU groups, why, and what makes some."""
    units = ", ".join(host.iommu.units)
    why = f"{units} is there, and translates for no device" if units else "the IOMMU is off, or there is none"
    return (
        "no IOMMU groups here",
        f"/sys/kernel/iommu_groups is empty: {why}; nothing can be given to a guest safely",
        "turn it on in the firmware (VT-d, AMD-Vi, SMMU), with intel_iommu=on where the kernel needs it; in a VM, give "
        "that VM a virtual IOMMU",
    )
