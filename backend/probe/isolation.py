"""What weakens isolation on the whole host: shown as a banner, never as a detail."""

from __future__ import annotations

from backend.host.doors import Files
from backend.model.host import Weakness
from backend.model.text import clean


def read_weaknesses(files: Files) -> tuple[Weakness, ...]:
    """Return what the command line and the module parameters say against isolation."""
    found = []
    for word in _command_line(files):
        key, _, value = word.partition("=")
        if key == "pcie_acs_override":
            found.append(
                Weakness(
                    "acs-override",
                    "IOMMU groups are faked: devices shown apart can reach each other's memory",
                    f"kernel command line: {clean(word, 80)}",
                    "boot without pcie_acs_override and assign whole groups",
                )
            )
        elif key == "pci" and any(v.startswith(("disable_acs_redir", "config_acs")) for v in value.split(",")):
            found.append(
                Weakness(
                    "acs-changed",
                    "ACS was changed by hand for some ports: their groups isolate as configured, not as built",
                    f"kernel command line: {clean(word, 80)}",
                    "check that each named port may redirect peer-to-peer traffic",
                )
            )
    if _flag(files, "vfio_iommu_type1", "allow_unsafe_interrupts"):
        found.append(
            Weakness(
                "unsafe-interrupts",
                "a guest can raise any interrupt on the host: interrupt remapping is not required",
                "vfio_iommu_type1 allow_unsafe_interrupts=Y",
                "turn interrupt remapping on in the firmware and the parameter off",
            )
        )
    if _flag(files, "vfio", "enable_unsafe_noiommu_mode"):
        found.append(
            Weakness(
                "no-iommu-mode",
                "devices may be given to programs without any IOMMU: they can write all of memory",
                "vfio enable_unsafe_noiommu_mode=Y",
                "turn the IOMMU on and the parameter off",
            )
        )
    return tuple(found)


def _command_line(files: Files) -> list[str]:
    try:
        return files.read("/proc/cmdline", 16384).decode("utf-8", "backslashreplace").split()
    except OSError:
        return []


def _flag(files: Files, module: str, parameter: str) -> bool:
    try:
        return files.read(f"/sys/module/{module}/parameters/{parameter}", 16).strip() in (b"Y", b"1")
    except OSError:
        return False
