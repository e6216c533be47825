"""Vendor vGPU types of a VF: ``<VF>/nvidia/``, which took the place of mdev on kernels from 6.8."""

from __future__ import annotations

from backend.host.doors import Directory
from backend.model.device import VendorVgpu
from backend.model.text import clean
from backend.probe.attributes import Attributes


def read_vendor_vgpu(directory: Directory, attributes: Attributes) -> VendorVgpu | None:
    """Return the VF's vGPU type and what it could become; None when its driver offers no types."""
    try:
        current = clean(directory.read("nvidia/current_vgpu_type"), 64)
    except OSError as error:
        attributes.failed(error, "vgpu", "nvidia/current_vgpu_type")
        return None
    try:
        lines = directory.read("nvidia/creatable_vgpu_types").splitlines()
    except OSError as error:
        attributes.failed(error, "vgpu", "nvidia/creatable_vgpu_types")
        lines = []
    types = [clean(line, 120) for line in lines if b":" in line]
    return VendorVgpu("" if current == "0" else current, tuple(t for t in types if t[:1].isdigit()))
