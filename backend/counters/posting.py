"""Whether a host can post a device's interrupts to a vCPU, past every counter of its own."""

from __future__ import annotations

from backend.host.doors import Files
from backend.model.device import Device

_INTEL_PI = 1 << 59
"""Capability register of VT-d: posted interrupts."""
_AMD_GA = 1 << 7
"""Extended features of AMD-Vi: guest virtual APIC."""

_SWITCHES = (
    ("/sys/module/kvm_intel/parameters/enable_apicv", "kvm_intel enable_apicv"),
    ("/sys/module/kvm_amd/parameters/avic", "kvm_amd avic"),
)


class Posting:
    """What KVM and each IOMMU unit allow, read once."""

    def __init__(self, files: Files) -> None:
        self._files = files
        self._units: dict[str, bool] = {}
        self._switch: str | None = None

    def possible(self, device: Device) -> str:
        """Return what allows a device's interrupts to be posted, in words; "" where nothing does."""
        if self._switch is None:
            self._switch = self._find_switch()
        if not self._switch or not device.iommu_unit:
            return ""
        unit = device.iommu_unit
        if unit not in self._units:
            self._units[unit] = self._can_post(unit)
        return f"{self._switch}, {unit}" if self._units[unit] else ""

    def _find_switch(self) -> str:
        for path, name in _SWITCHES:
            try:
                if self._files.read(path, 16).strip() in (b"Y", b"1"):
                    return name
            except OSError:
                continue
        return ""

    def _can_post(self, unit: str) -> bool:
        for file, bit in (("intel-iommu/cap", _INTEL_PI), ("amd-iommu/features", _AMD_GA)):
            try:
                raw = self._files.read(f"/sys/class/iommu/{unit}/{file}", 64)
            except OSError:
                continue
            try:
                # AMD prints a second register behind a colon.
                return bool(int(raw.strip().partition(b":")[0], 16) & bit)
            except ValueError:
                return False
        return False
