"""Opens a device through VFIO and keeps it until standard input ends: ``holder.py DEVICE [WAY [TOKEN]]``.

Says "ok" or an errno, on one line. Standard library only, so that it starts fast.
"""

from __future__ import annotations

import fcntl
import os
import struct
import sys

_TYPE1 = 1
_GROUP_VIABLE = 1


def _vfio(number: int) -> int:
    """Return the code of a VFIO ioctl (include/uapi/linux/vfio.h)."""
    return ord(";") << 8 | 100 + number


_SET_IOMMU, _GROUP_STATUS, _SET_CONTAINER, _GET_DEVICE = _vfio(2), _vfio(3), _vfio(4), _vfio(6)
_BIND_IOMMUFD, _ATTACH = _vfio(18), _vfio(19)
_IOAS_ALLOC = ord(";") << 8 | 0x81


def by_group(device: str, sysfs: str, token: str) -> list[int]:
    """Open a device through its group; return the descriptors."""
    name = f"{device} vf_token={token}" if token else device
    group = os.open("/dev/vfio/" + os.path.basename(os.readlink(f"{sysfs}/iommu_group")), os.O_RDWR)
    status = bytearray(struct.pack("II", 8, 0))
    fcntl.ioctl(group, _GROUP_STATUS, status)
    container = os.open("/dev/vfio/vfio", os.O_RDWR)
    fcntl.ioctl(group, _SET_CONTAINER, struct.pack("i", container))
    assert struct.unpack("II", status)[1] & _GROUP_VIABLE, "the kernel calls a group not viable and gives it away"
    fcntl.ioctl(container, _SET_IOMMU, _TYPE1)
    return [group, container, fcntl.ioctl(group, _GET_DEVICE, bytearray(name.encode() + b"\0"))]


def by_cdev(sysfs: str) -> list[int]:
    """Open a device by its own node, bound to an iommufd; return the descriptors."""
    iommufd = os.open("/dev/iommu", os.O_RDWR)
    node = os.open("/dev/vfio/devices/" + os.listdir(f"{sysfs}/vfio-dev")[0], os.O_RDWR)
    fcntl.ioctl(node, _BIND_IOMMUFD, bytearray(struct.pack("IIiI", 16, 0, iommufd, 0)))
    space = bytearray(struct.pack("III", 12, 0, 0))
    fcntl.ioctl(iommufd, _IOAS_ALLOC, space)
    fcntl.ioctl(node, _ATTACH, bytearray(struct.pack("III", 12, 0, struct.unpack("III", space)[2])))
    return [iommufd, node]


def main(device: str, way: str = "group", token: str = "") -> None:
    """Open, say so, wait."""
    sysfs = f"/sys/bus/{'pci' if ':' in device else 'mdev'}/devices/{device}"
    try:
        kept = by_cdev(sysfs) if way == "cdev" else by_group(device, sysfs, token)
    except OSError as error:
        print(error.errno, flush=True)
        return
    print("ok", flush=True)
    sys.stdin.read()
    for descriptor in kept:
        os.close(descriptor)


if __name__ == "__main__":
    main(*sys.argv[1:])
