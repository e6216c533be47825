"""What a lab is made of, prepared once: QEMU, kernels, sample drivers, a small initramfs."""

from __future__ import annotations

from tests.lab.errors import LabError, NoLabKernel
from tests.lab.parts.kernel import Kernel, KernelKind, build_lab_kernel, prepare_kernel
from tests.lab.parts.qemu import Qemu, prepare_qemu
from tests.lab.parts.tools import missing_packages

__all__ = [
    "Kernel",
    "KernelKind",
    "LabError",
    "NoLabKernel",
    "Qemu",
    "build_lab_kernel",
    "missing_packages",
    "prepare_kernel",
    "prepare_qemu",
]
