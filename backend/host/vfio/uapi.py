"""The calls of VFIO and IOMMUFD (include/uapi/linux/vfio.h, iommufd.h): numbers and layouts."""

from __future__ import annotations

import struct
from enum import IntEnum, IntFlag


def _vfio(number: int) -> int:
    return ord(";") << 8 | 100 + number


SET_IOMMU = _vfio(2)
GROUP_STATUS = _vfio(3)
GROUP_SET_CONTAINER = _vfio(4)
GROUP_GET_DEVICE = _vfio(6)
DEVICE_INFO = _vfio(7)
REGION_INFO = _vfio(8)
IRQ_INFO = _vfio(9)
DEVICE_RESET = _vfio(11)
DEVICE_FEATURE = _vfio(17)
DEVICE_BIND_IOMMUFD = _vfio(18)
DEVICE_ATTACH_IOAS = _vfio(19)
IOAS_ALLOC = ord(";") << 8 | 0x81

TYPE1 = 1
VIABLE = 1
"""Flag of GROUP_STATUS."""

FEATURE_GET, FEATURE_SET, FEATURE_PROBE = 1 << 16, 1 << 17, 1 << 18

INFO = struct.Struct("=IIIIII")
"""argsz, flags, regions, interrupts, offset of capabilities, padding."""
REGION = struct.Struct("=IIIIQQ")
"""argsz, flags, index, offset of capabilities, size, offset in the device's file."""
IRQ = struct.Struct("=IIII")
"""argsz, flags, index, count."""
CAPABILITY = struct.Struct("=HHI")
"""id, version, offset of the next."""
SPARSE = struct.Struct("=II")
"""Number of areas, padding; follows a CAPABILITY."""
AREA = struct.Struct("=QQ")
"""Offset, size."""
STATUS = struct.Struct("=II")
"""argsz, flags."""
BIND = struct.Struct("=IIiI")
"""argsz, flags, iommufd, out: device id."""
IOAS = struct.Struct("=III")
"""size, flags, id: of both IOAS_ALLOC (out) and ATTACH_IOAS (in)."""
FEATURE = struct.Struct("=II")
"""argsz, flags; its data follows."""
FLAGS = struct.Struct("=Q")
STATE = struct.Struct("=Ii")
"""device state, data descriptor."""


RESETTABLE = 1
"""Flag of DEVICE_INFO."""
SPARSE_MMAP = 1
"""Id of a region's capability: only some areas may be mapped."""


class RegionFlag(IntFlag):
    """Flags of a region."""

    READ = 1
    WRITE = 2
    MMAP = 4
    CAPS = 8


class Feature(IntEnum):
    """What a device may be asked for."""

    MIGRATION = 1
    STATE = 2
    DMA_LOGGING_START = 6
    DATA_SIZE = 9


class Migration(IntFlag):
    """What a device's driver can do for a migration."""

    STOP_COPY = 1
    P2P = 2
    PRE_COPY = 4


class State(IntEnum):
    """States of a device in a migration."""

    ERROR = 0
    STOP = 1
    RUNNING = 2
    STOP_COPY = 3
    RESUMING = 4
    RUNNING_P2P = 5
    PRE_COPY = 6
    PRE_COPY_P2P = 7
