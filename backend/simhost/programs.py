"""Starting programs on a simulated host: QEMUs that wait for a migration, and nothing else."""

from __future__ import annotations

import errno
import itertools
import re
from collections.abc import Sequence

from backend.simhost.access import Access
from backend.simhost.tree import oops
from backend.simhost.vms import VmPlan

_MONITOR = re.compile(r"unix:([^,]+)")
_HOST = re.compile(r"vfio-pci,(?:host=|sysfsdev=/sys/bus/mdev/devices/)([^,]+)(?:,id=([^,]+))?")


class SimulatedPrograms:
    """The programs of a simulated host."""

    def __init__(self, access: Access) -> None:
        self._access = access

    def start(self, words: Sequence[str], *, log: str, folder: str) -> int:
        """Start a QEMU with this command line, as scenarios write them. Raises ``OSError`` for any other program."""
        values = dict(itertools.pairwise(words))
        if not words[0].rpartition("/")[2].startswith("qemu-system-") or values.get("-incoming") != "defer":
            raise oops(errno.ENOENT, words[0])
        devices = [found for word in words if (found := _HOST.match(word))]
        monitor = _MONITOR.match(values.get("-qmp", ""))
        plan = VmPlan(
            values.get("-name", "vm"),
            tuple(found[1] for found in devices),
            style="plain",
            memory_mb=int(values.get("-m", "128M").rstrip("M")),
            vcpus=int(values.get("-smp", "1")),
            incoming=True,
            ids=tuple(found[2] or f"hostpci{number}" for number, found in enumerate(devices)),
            qmp=monitor[1] if monitor is not None else "",
        )
        with self._access.lock:
            return self._access.kernel.start_vm(plan).pid

    def end(self, pid: int) -> None:
        """End one."""
        with self._access.lock:
            if pid in self._access.kernel.vms:
                self._access.kernel.stop(pid)
