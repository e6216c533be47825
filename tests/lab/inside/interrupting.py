"""Holds QEMU's ``edu`` device through VFIO and lets it interrupt: ``python -m tests.lab.inside.interrupting DEVICE``.

Says "ok"; then each line of standard input is a number of interrupts to raise, answered with how many came. Ends with
its input.
"""

from __future__ import annotations

import fcntl
import os
import struct
import sys

from tests.conformance.holder import by_group

_SET_IRQS = ord(";") << 8 | 110
"""VFIO_DEVICE_SET_IRQS (include/uapi/linux/vfio.h)."""
_MSI, _EVENTFD_TRIGGERS = 1, 1 << 2 | 1 << 5
_CONFIG = 7 << 40
"""Offset of the configuration space; region 0, the device's registers, begins at 0."""
_COMMAND, _MEMORY_MASTER_NO_PIN = 4, 0x0406
_RAISE, _ACKNOWLEDGE = 0x60, 0x64
"""Registers of the device (QEMU's docs/specs/edu.rst)."""


def main(device: str) -> None:
    """Hold, say so, do as told."""
    held = by_group(device, f"/sys/bus/pci/devices/{device}", "")[-1]
    came = os.eventfd(0)
    fcntl.ioctl(held, _SET_IRQS, struct.pack("IIIIIi", 24, _EVENTFD_TRIGGERS, _MSI, 0, 1, came))
    os.pwrite(held, struct.pack("H", _MEMORY_MASTER_NO_PIN), _CONFIG + _COMMAND)
    print("ok", flush=True)
    for line in sys.stdin:
        total = 0
        for _ in range(int(line)):
            os.pwrite(held, struct.pack("I", 1), _RAISE)
            total += os.eventfd_read(came)
            os.pwrite(held, struct.pack("I", 1), _ACKNOWLEDGE)
        print(total, flush=True)


if __name__ == "__main__":
    main(sys.argv[1])
