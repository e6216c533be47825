"""The regions of a PCI function: what its ``resource`` attribute tells, one line for each."""

from __future__ import annotations

from backend.model.region import Region

_IO, _MEMORY, _PREFETCHABLE, _READ_ONLY = 0x100, 0x200, 0x2000, 0x4000
_WIDE, _DISABLED, _UNSET = 0x0010_0000, 0x1000_0000, 0x2000_0000
"""Bits of include/linux/ioport.h."""

_BARS, _ROM, _VF_BARS, _WINDOWS = range(6), 6, range(7, 13), range(13, 17)
"""Which line is what, in a kernel with SR-IOV (enum in include/linux/pci.h)."""


def parse_regions(text: str) -> tuple[Region, ...]:
    """Return the regions that a ``resource`` attribute lists. Lines that are no region are passed over."""
    found = []
    for index, line in enumerate(text.splitlines()):
        try:
            start, end, flags = (int(word, 16) for word in line.split())
        except ValueError:
            continue
        kind = "memory" if flags & _MEMORY else "I/O" if flags & _IO else ""
        if kind and end >= start and (end or start):
            found.append(Region(_name(index), start, end - start + 1, kind, _qualities(flags)))
    return tuple(found)


def _name(index: int) -> str:
    if index in _BARS:
        return f"BAR {index}"
    if index == _ROM:
        return "ROM"
    if index in _VF_BARS:
        return f"VF BAR {index - _VF_BARS.start}"
    if index in _WINDOWS:
        return f"window {index - _WINDOWS.start}"
    return f"region {index}"


def _qualities(flags: int) -> tuple[str, ...]:
    bits = (
        (_WIDE, "64-bit"),
        (_PREFETCHABLE, "prefetchable"),
        (_READ_ONLY, "read-only"),
        (_DISABLED, "disabled"),
        (_UNSET, "not assigned"),
    )
    return tuple(word for bit, word in bits if flags & bit)
