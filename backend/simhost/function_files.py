"""What can be written into the files of a PCI function, apart from SR-IOV."""

from __future__ import annotations

import errno
from typing import TYPE_CHECKING

from backend.simhost.function import Function
from backend.simhost.parse import boolean, einval, number, streq, word
from backend.simhost.schedule import Operation
from backend.simhost.tree import oops

if TYPE_CHECKING:
    from backend.simhost.kernel import Kernel

_RESETS = ("device_specific", "acpi", "flr", "af_flr", "pm", "bus", "cxl_bus")


class FunctionFiles:
    """Writers of ``driver_override``, ``numa_node``, ``reset*``, ``remove`` and ``rescan``."""

    def __init__(self, kernel: Kernel) -> None:
        self._kernel = kernel
        self._removed: list[Function] = []

    def write_override(self, f: Function, data: bytes) -> Operation:
        """Take a write of ``driver_override``; an empty line clears it."""
        if len(data) >= 4095:
            raise einval()
        yield from f.lock.acquire("driver_set_override")
        name = data.split(b"\n", 1)[0].decode("utf-8", "surrogateescape")
        f.override = name or None
        f.lock.release()

    def write_numa(self, f: Function, data: bytes) -> None:
        """Take a write of ``numa_node``."""
        f.numa = number(data, -1, self._kernel.core.features.nodes - 1)

    def write_reset(self, f: Function, data: bytes) -> Operation:
        """Take a write of ``reset``. Raises EINVAL unless 1, ENOTTY when every method is switched off."""
        if number(data, 0, 2**64 - 1) != 1:
            raise einval()
        yield from f.lock.acquire("pci_reset_function")
        f.lock.release()
        if not f.resets:
            raise oops(errno.ENOTTY)

    def write_reset_method(self, f: Function, data: bytes) -> None:
        """Take a write of ``reset_method``: names, ``default``, or an empty line for none."""
        if streq(data, "default"):
            f.resets = f.model.resets
            return
        wanted = word(data).split()
        have = f.model.resets.split()
        if any(name not in _RESETS or name not in have for name in wanted):
            raise einval()
        f.resets = " ".join(wanted)

    def write_remove(self, f: Function, data: bytes) -> Operation | None:
        """Take a write of ``remove``."""
        return self._remove_locked(f) if number(data, 0, 2**64 - 1) else None

    def _remove_locked(self, f: Function) -> Operation:
        yield from self._kernel.pci.rescan_lock.acquire("pci_lock_rescan_remove")
        try:
            if f.address in self._kernel.pci.functions:
                self._removed.append(f)
                yield from self._kernel.pci.remove(f)
        finally:
            self._kernel.pci.rescan_lock.release()

    def unplug(self, f: Function) -> Operation:
        """Take a function away for good, as a hot-unplug does."""
        yield from self._remove_locked(f)
        self._removed.remove(f)

    def write_rescan(self, f: Function | None, data: bytes) -> Operation | None:
        """Take a write of ``rescan``: functions that ``remove`` took away come back."""
        return self._rescan() if boolean(data) else None

    def _rescan(self) -> Operation:
        yield from self._kernel.pci.rescan_lock.acquire("pci_lock_rescan_remove")
        try:
            for old in self._removed:
                f = self._kernel.revive(old)
                if self._kernel.pci.autoprobe:
                    self._kernel.pci.attach(f)
            self._removed.clear()
        finally:
            self._kernel.pci.rescan_lock.release()
