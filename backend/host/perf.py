"""Performance events of this machine: ``perf_event_open`` and nothing else of perf."""

from __future__ import annotations

import ctypes
import errno
import os
import platform
import struct

from backend.host.doors import EventConfig, EventCount, PerfEvent

_NUMBERS = {"x86_64": 298, "i686": 336, "ppc64le": 319, "ppc64": 319, "s390x": 331}
_GENERIC = 241
"""The number of the system call on every architecture that came later: arm64, riscv64, loongarch64."""

_ATTR = struct.Struct("=IIQQQQQ")
_SIZE, _SIZE_WITH_CONFIG3 = 128, 136
_CONFIG1, _CONFIG2, _CONFIG3 = 56, 64, 128
_TIMES = 1 | 2
"""read_format: TOTAL_TIME_ENABLED and TOTAL_TIME_RUNNING."""
_CLOEXEC = 8
_COUNT = struct.Struct("=QQQ")


class LinuxPerf:
    """Events of this machine."""

    def open(self, event: EventConfig, *, cpu: int, pid: int = -1) -> PerfEvent:
        """Begin to count. Raises ``OSError`` with the kernel's errno."""
        size = _SIZE_WITH_CONFIG3 if event.config3 else _SIZE
        attributes = bytearray(size)
        _ATTR.pack_into(attributes, 0, event.type, size, event.config, 0, 0, _TIMES, 0)
        for place, value in ((_CONFIG1, event.config1), (_CONFIG2, event.config2)):
            struct.pack_into("=Q", attributes, place, value)
        if event.config3:
            struct.pack_into("=Q", attributes, _CONFIG3, event.config3)
        buffer = (ctypes.c_char * size).from_buffer(attributes)
        number = _NUMBERS.get(platform.machine(), _GENERIC)
        library = ctypes.CDLL(None, use_errno=True)
        fd = library.syscall(
            ctypes.c_long(number), buffer, ctypes.c_int(pid), ctypes.c_int(cpu), ctypes.c_int(-1),
            ctypes.c_ulong(_CLOEXEC),
        )  # fmt: skip
        if fd < 0:
            code = ctypes.get_errno()
            raise OSError(code, os.strerror(code), "perf_event_open")
        return LinuxPerfEvent(fd)


class LinuxPerfEvent:
    """One event's descriptor."""

    __slots__ = ("_fd",)

    def __init__(self, fd: int) -> None:
        self._fd = fd

    def read(self) -> EventCount:
        """Return what it has counted so far."""
        raw = os.read(self._fd, _COUNT.size)
        if len(raw) < _COUNT.size:
            raise OSError(errno.ENODEV, "the event counts no more", "perf event")
        return EventCount(*_COUNT.unpack(raw))

    def close(self) -> None:
        """Stop counting. Closing twice is harmless."""
        if self._fd >= 0:
            os.close(self._fd)
            self._fd = -1


class NoPerf:
    """Events of a host that is only files."""

    def open(self, event: EventConfig, *, cpu: int, pid: int = -1) -> PerfEvent:
        """Refuse."""
        raise OSError(errno.EOPNOTSUPP, "these are files only: no kernel counts", "perf_event_open")
