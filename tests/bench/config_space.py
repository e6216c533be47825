"""The bytes of a PCI function's configuration space, as its driver and lspci expect them."""

from __future__ import annotations

import struct
from dataclasses import dataclass

_PM, _MSIX, _EXPRESS = 0x40, 0x70, 0xA0
_AER, _ARI, _ARI_OF_VF, _SRIOV, _ACS = 0x100, 0x150, 0x100, 0x160, 0x1D0


@dataclass(frozen=True, slots=True)
class Ids:
    """What identifies a function; ``class_code`` has 24 bits."""

    vendor: int
    device: int
    subsystem_vendor: int
    subsystem_device: int
    class_code: int
    revision: int


@dataclass(frozen=True, slots=True)
class SriovCapability:
    """The SR-IOV capability of a PF."""

    total: int
    enabled: int
    offset: int
    stride: int
    vf_device: int


def config_space(
    ids: Ids,
    *,
    vf: bool = False,
    buses: tuple[int, int, int] | None = None,
    sriov: SriovCapability | None = None,
    msix: int = 0,
) -> bytes:
    """Return 4096 bytes: header, power, MSI-X, PCI Express, and AER, ARI, SR-IOV and ACS where they belong.

    ``buses`` (primary, secondary, subordinate) makes it a bridge. A VF reads FFFF as vendor and device,
    and its BARs as zero (SR-IOV specification, 3.4.1).
    """
    raw = bytearray(4096)
    _write_header(raw, ids, vf=vf, buses=buses)
    _write_capabilities(raw, vf=vf, port=buses is not None, msix=msix)
    if vf:
        _extended(raw, _ARI_OF_VF, 0x0E, 1, 0)
        return bytes(raw)
    _extended(raw, _AER, 0x01, 2, _ARI)
    _extended(raw, _ARI, 0x0E, 1, _SRIOV if sriov else _ACS)
    if sriov:
        _extended(raw, _SRIOV, 0x10, 1, _ACS)
        control = 0x19 if sriov.enabled else 0x10
        struct.pack_into("<IHHHHHBB", raw, _SRIOV + 4, 0x2, control, 0, sriov.total, sriov.total,
                         sriov.enabled, 0, 0)  # fmt: skip
        struct.pack_into("<HHHHII", raw, _SRIOV + 0x14, sriov.offset, sriov.stride, 0, sriov.vf_device,
                         0x553, 0x1)  # fmt: skip
    _extended(raw, _ACS, 0x0D, 1, 0)
    return bytes(raw)


def _write_header(raw: bytearray, ids: Ids, *, vf: bool, buses: tuple[int, int, int] | None) -> None:
    vendor, device = (0xFFFF, 0xFFFF) if vf else (ids.vendor, ids.device)
    command = 0x0004 if vf else 0x0406
    struct.pack_into("<HHHH", raw, 0, vendor, device, command, 0x0010)
    raw[0x08] = ids.revision
    raw[0x09:0x0C] = ids.class_code.to_bytes(3, "little")
    if buses:
        raw[0x0E] = 1
        raw[0x18:0x1B] = bytes(buses)
    else:
        if not vf:
            struct.pack_into("<II", raw, 0x10, 0xF000000C, 0x00000018)
        struct.pack_into("<HH", raw, 0x2C, ids.subsystem_vendor, ids.subsystem_device)
    raw[0x34] = _PM


def _write_capabilities(raw: bytearray, *, vf: bool, port: bool, msix: int) -> None:
    struct.pack_into("<BBHH", raw, _PM, 0x01, _MSIX, 0x0003, 0x0008)
    struct.pack_into("<BBHII", raw, _MSIX, 0x11, _EXPRESS, 0x8000 | max(msix - 1, 0), 0x3, 0x2003)
    speed, width = 4, 16
    link = width << 4 | speed
    struct.pack_into("<BBHIHH", raw, _EXPRESS, 0x10, 0x00, 0x0002 | (0x40 if port else 0), 0x10008FE2, 0x2936, 0)
    struct.pack_into("<IHH", raw, _EXPRESS + 0x0C, 0x00400000 | link, 0x0040, 0 if vf else 0x1000 | link)


def _extended(raw: bytearray, offset: int, capability: int, version: int, following: int) -> None:
    struct.pack_into("<I", raw, offset, capability | version << 16 | following << 20)
