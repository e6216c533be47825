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
    from backend.simhost.procs import SimProcess

_COUNTERS = {
    "exits": 5200, "io_exits": 310, "mmio_exits": 12, "irq_injections": 640, "halt_exits": 900,
    "request_irq_exits": 40, "insn_emulation": 60, "tlb_flush": 110, "pf_taken": 20,
}  # fmt: skip
_TRAP_RATE = 9000
_VM = "anon_inode:kvm-vm"


def add_debugfs(kernel: Kernel) -> None:
    """Mount debugfs at /sys/kernel/debug."""
    parent = kernel.core.sys.dir("kernel")
    top = Dir("debug", parent, restricted=True)
    parent.entries["debug"] = top
    view = _View(kernel, top)
    top.entries["kvm"] = DynamicDir("kvm", top, view.vms, view.vm)
    if kernel.core.features.version >= (6, 8):
        top.entries["vfio"] = DynamicDir("vfio", top, view.devices, view.device)


def kvm_totals(kernel: Kernel, process: SimProcess) -> dict[str, int]:
    """Return what KVM has counted of a VM; nothing of a process that has none."""
    numbers = [number for number, (target, _) in process.fds.items() if target == _VM]
    return {c: _total(kernel, process, f"{process.pid}-{number}", c) for number in numbers[:1] for c in _COUNTERS}


def _total(kernel: Kernel, process: SimProcess, name: str, counter: str) -> int:
    trapped = any(isinstance(d, Mdev) or d.model.bars for d in process.devices) and not process.maps
    mean = _COUNTERS[counter] * between(seed_of(name), 0.3, 6)
    if trapped and counter == "mmio_exits":
        mean = _TRAP_RATE
    return int(mean * (process.started % 100)) + grown(kernel.core.age(), mean, seed_of(name + counter))


class _View:
    """Computes the entries."""

    def __init__(self, kernel: Kernel, top: Dir) -> None:
        self._kernel = kernel
        self._top = top

    def vms(self) -> Iterable[str]:
        for process in self._kernel.processes.all.values():
            for number, (target, _) in process.fds.items():
                if target == _VM:
                    yield f"{process.pid}-{number}"

    def vm(self, name: str) -> Node | None:
        pid = name.partition("-")[0]
        process = self._kernel.processes.all.get(int(pid)) if pid.isdecimal() else None
        if process is None or name not in set(self.vms()):
            return None
        directory = Dir(name, self._top)
        for counter in _COUNTERS:
            directory.entries[counter] = File(self._counter(process, name, counter))
        return directory

    def _counter(self, process: SimProcess, name: str, counter: str) -> Callable[[], bytes]:
        return lambda: b"%d\n" % _total(self._kernel, process, name, counter)

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
