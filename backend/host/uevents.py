"""Kernel uevents as an async stream, through pyudev.

The stream listens to the kernel's own multicast group, so that it works where no udevd runs. A monitor of
pyudev whose socket overflowed is dead for good (it treats POLLERR as fatal): it is thrown away, a new one
takes its place, and the stream says ``Overflow``.
"""

from __future__ import annotations

import asyncio
import errno
from collections.abc import AsyncIterator
from typing import TYPE_CHECKING

from backend.host.doors import Event, Overflow, Uevent

if TYPE_CHECKING:
    import pyudev


class KernelEvents:
    """Uevents of this machine.

    Args:
        receive_buffer: bytes of socket buffer; None leaves libudev's own, which is large. Only tests
            shrink it.
    """

    def __init__(self, receive_buffer: int | None = None) -> None:
        self._receive_buffer = receive_buffer

    def _open(self) -> pyudev.Monitor:
        try:
            import pyudev
        except ImportError as missing:
            raise OSError(errno.ENOSYS, f"no kernel events without libudev ({missing})") from missing
        try:
            monitor = pyudev.Monitor.from_netlink(pyudev.Context(), source="kernel")
            if self._receive_buffer is not None:
                monitor.set_receive_buffer_size(self._receive_buffer)
            monitor.start()
        except (ImportError, pyudev.DeviceNotFoundError) as missing:
            raise OSError(errno.ENOSYS, f"no kernel events here ({missing})") from missing
        return monitor

    async def stream(self) -> AsyncIterator[Event]:
        """Yield events for ever; ``Overflow`` where some were lost."""
        loop = asyncio.get_running_loop()
        readable = asyncio.Event()
        monitor = self._open()
        loop.add_reader(monitor.fileno(), readable.set)
        try:
            while True:
                await readable.wait()
                readable.clear()
                try:
                    while (device := monitor.poll(0)) is not None:
                        yield Uevent(
                            device.action or "", device.device_path, device.subsystem or "", dict(device.properties)
                        )
                except OSError:
                    loop.remove_reader(monitor.fileno())
                    monitor = self._open()
                    loop.add_reader(monitor.fileno(), readable.set)
                    yield Overflow()
        finally:
            loop.remove_reader(monitor.fileno())


class NoEvents:
    """The events of a tree that is not a running kernel: none."""

    async def stream(self) -> AsyncIterator[Event]:
        """Raise ``OSError``: nothing tells of changes in a foreign tree, only looking again does."""
        raise OSError(errno.EOPNOTSUPP, "a tree of files has no kernel events")
        yield Overflow()  # makes this an async generator, as the protocol wants
