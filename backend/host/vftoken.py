"""The VF token of a PF on vfio-pci, given as the kernel takes it: by opening the PF once, with it
(drivers/vfio/pci/vfio_pci_core.c, ``vfio_pci_validate_vf_token``)."""

from __future__ import annotations

import contextlib
import errno
import fcntl
import os
import struct

_TYPE1 = 1
_VIABLE = 1


def _vfio(number: int) -> int:
    """Return the code of a VFIO ioctl (include/uapi/linux/vfio.h)."""
    return ord(";") << 8 | 100 + number


_SET_IOMMU, _GROUP_STATUS, _SET_CONTAINER, _GET_DEVICE = _vfio(2), _vfio(3), _vfio(4), _vfio(6)


def set_vf_token(pf: str, token: str) -> None:
    """Open a PF with a token, and close it. Raises ``OSError`` as the kernel does, EPERM for a group not viable."""
    number = os.path.basename(os.readlink(f"/sys/bus/pci/devices/{pf}/iommu_group"))
    with contextlib.ExitStack() as kept:
        group, container = (_opened(kept, path) for path in (f"/dev/vfio/{number}", "/dev/vfio/vfio"))
        status = bytearray(struct.pack("II", 8, 0))
        fcntl.ioctl(group, _GROUP_STATUS, status)
        if not struct.unpack("II", status)[1] & _VIABLE:
            raise OSError(errno.EPERM, f"group {number} is not viable", pf)
        fcntl.ioctl(group, _SET_CONTAINER, struct.pack("i", container))
        fcntl.ioctl(container, _SET_IOMMU, _TYPE1)
        device = fcntl.ioctl(group, _GET_DEVICE, bytearray(f"{pf} vf_token={token}\0".encode()))
        kept.callback(os.close, device)


def _opened(kept: contextlib.ExitStack, path: str) -> int:
    descriptor = os.open(path, os.O_RDWR | os.O_CLOEXEC)
    kept.callback(os.close, descriptor)
    return descriptor
