"""Kernel modules and their parameters."""

from __future__ import annotations

from backend.simhost.core import Core
from backend.simhost.parse import boolean
from backend.simhost.tree import File
from backend.simhost.vfio import Vfio

_KVM = {"halt_poll_ns": "200000", "tdp_mmu": "Y", "nx_huge_pages": "Y", "eager_page_split": "Y"}


class Modules:
    """``/sys/module``."""

    def __init__(self, core: Core, vfio: Vfio) -> None:
        self._root = core.sys.dir("module")
        self._vfio = vfio
        self.unsafe_interrupts = False

    def load(self, name: str) -> None:
        """Load a module: its directory and parameters appear."""
        if name in self._root.entries:
            return
        module = self._root.dir(name)
        module.file("refcnt", "0\n")
        module.file("initstate", "live\n")
        if name == "vfio_pci":
            for needed in ("vfio", "vfio_iommu_type1", "vfio_pci_core"):
                self.load(needed)
            self._vfio.load()
            parameters = module.dir("parameters")
            parameters.file("disable_denylist", "N\n")
            parameters.file("disable_vga", "N\n")
            parameters.file("nointxmask", "N\n")
            parameters.entries["enable_sriov"] = self._flag("enable_sriov")
            parameters.entries["disable_idle_d3"] = self._flag("disable_idle_d3")
        elif name == "vfio_iommu_type1":
            parameters = module.dir("parameters")
            parameters.file("allow_unsafe_interrupts", lambda: b"Y\n" if self.unsafe_interrupts else b"N\n")
            parameters.file("disable_hugepages", "N\n")
            parameters.file("dma_entry_limit", "65535\n")
        elif name == "vfio":
            module.dir("parameters").file("enable_unsafe_noiommu_mode", "N\n")
        elif name == "kvm":
            for key, value in _KVM.items():
                module.dir("parameters").file(key, f"{value}\n")

    def _flag(self, name: str) -> File:
        def read() -> bytes:
            return b"Y\n" if getattr(self._vfio, name) else b"N\n"

        def write(data: bytes) -> None:
            setattr(self._vfio, name, boolean(data))

        return File(read, mode=0o644, write=write)
