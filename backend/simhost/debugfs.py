"""debugfs: KVM's counters of each VM, and the migration state of VFIO devices. Root only."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import TYPE_CHECKING

from backend.simhost.function import Function
from backend.simhost.mdev import Mdev
from backend.simhost.traffic import between, grown, seed_of
from backend.simhost.tree import Dir, DynamicDir, File, Node

if TYPE_CHECKING:
    from backend.simhost.kernel import Kernel

_COUNTERS = {
    "exits": 5200, "io_exits": 310, "mmio_exits": 12, "irq_injections": 640, "halt_exits": 900,
    "request_irq_exits": 40, "insn_emulation": 60, "tlb_flush": 110, "pf_taken": 20,
}  # fmt: skip
_TRAP_RATE = 9000


def add_debugfs(kernel: Kernel) -> None:
    """Mount debugfs at /sys/kernel/debug."""
    parent = kernel.core.sys.dir("kernel")
    top = Dir("debug", parent, restricted=True)
    parent.entries["debug"] = top
    view = _View(kernel, top)
    top.entries["kvm"] = DynamicDir("kvm", top, view.vms, view.vm)
    if kernel.core.features.version >= (6, 8):
        top.entries["vfio"] = DynamicDir("vfio", top, view.devices, view.device)


class _View:
    """Computes the entries."""

    def __init__(self, kernel: Kernel, top: Dir) -> None:
        self._kernel = kernel
        self._top = top

    def vms(self) -> Iterable[str]:
        for process in self._kernel.processes.all.values():
            for number, (target, _) in process.fds.items():
                if target == "anon_inode:kvm-vm":
                    yield f"{process.pid}-{number}"

    def vm(self, name: str) -> Node | None:
        pid = name.partition("-")[0]
        process = self._kernel.processes.all.get(int(pid)) if pid.isdecimal() else None
        if process is None or name not in set(self.vms()):
            return None
        directory = Dir(name, self._top)
        started, seed = process.started % 100, seed_of(name)
        trapped = any(isinstance(d, Mdev) or d.model.bars for d in process.devices) and not process.maps
        for counter, rate in _COUNTERS.items():
            mean = _TRAP_RATE if trapped and counter == "mmio_exits" else rate * between(seed, 0.3, 6)
            directory.entries[counter] = File(self._counter(mean, started, seed_of(name + counter)))
        return directory

    def _counter(self, mean: float, started: float, seed: int) -> Callable[[], bytes]:
        return lambda: f"{int(mean * started) + grown(self._kernel.core.age(), mean, seed)}\n".encode()

    def _all(self) -> Iterable[Function | Mdev]:
        yield from (f for f in self._kernel.pci.functions.values() if f.vfio is not None)
        yield from self._kernel.mdev.mdevs.values()

    def devices(self) -> Iterable[str]:
        return [d.address if isinstance(d, Function) else d.uuid for d in self._all()]

    def device(self, name: str) -> Node | None:
        found = self._kernel.pci.functions.get(name) or self._kernel.mdev.mdevs.get(name)
        if found is None or found.vfio is None:
            return None
        vfio = found.vfio
        directory = Dir(name, self._top)
        if vfio.migration:
            migration = directory.dir("migration")
            migration.entries["state"] = File(lambda: f"{vfio.state}\n".encode())
            if self._kernel.core.features.version >= (6, 18):
                migration.entries["features"] = File("".join(f"{line}\n" for line in vfio.migration).encode())
        return directory
