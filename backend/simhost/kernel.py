"""The simulated kernel as a whole, and the hand that tests and scenarios reach into it with."""

from __future__ import annotations

import contextlib
import errno
import uuid as uuids
from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING

from backend.host.doors import Clock
from backend.model.vfio import VfioLook
from backend.simhost.catalogue import DRIVERS, module_aliases
from backend.simhost.classes import Classes
from backend.simhost.core import Core, Features
from backend.simhost.debugfs import add_debugfs
from backend.simhost.devlink import Devlink
from backend.simhost.function import Function
from backend.simhost.function_files import FunctionFiles
from backend.simhost.iommu import Iommu
from backend.simhost.irqs import Irqs
from backend.simhost.mdev import Mdev, MdevBus
from backend.simhost.modules import Modules
from backend.simhost.netdev import Network
from backend.simhost.paths import Tree
from backend.simhost.pci import Pci
from backend.simhost.pmus import Pmus
from backend.simhost.procfs import ProcFiles
from backend.simhost.procs import Processes, SimProcess
from backend.simhost.schedule import Job, Operation
from backend.simhost.sriov import Sriov
from backend.simhost.tree import Attr, Dir, File, oops
from backend.simhost.vfio import Vfio
from backend.simhost.vgpu import VendorVgpus
from backend.simhost.vms import VmPlan, qemu_argv

if TYPE_CHECKING:
    from backend.simhost.attributes import Tables

FIRST_FREE_PID = 40_000
KVM = "/devices/virtual/misc/kvm"
Device = Function | Mdev


class Kernel:
    """All parts of one simulated kernel, wired together."""

    def __init__(self, clock: Clock, features: Features) -> None:
        self.core = Core(clock, features)
        self.tables: Tables | None = None
        self.irqs = Irqs(self.core)
        self.vfio = Vfio(self.core, self.irqs)
        self.modules = Modules(self.core, self.vfio)
        self.iommu = Iommu(self.core)
        self.network = Network(self.core)
        self.classes = Classes(self.core, self.network, self.irqs)
        self.sriov = Sriov(self)
        self.devlink = Devlink(self)
        self.files = FunctionFiles(self)
        self.pci = Pci(self)
        self.mdev = MdevBus(self)
        self.vgpu = VendorVgpus(self)
        self.processes = Processes(self.core, self.vfio)
        self.proc_files = ProcFiles(self)
        self._buses: dict[str, tuple[int, int]] = {}
        self._next_pid = FIRST_FREE_PID
        self.vms: dict[int, VmPlan] = {}
        """The running VMs, by process."""
        self._vms = 0
        self._vms_ever = 0
        for name in ("bus", "class", "block", "module"):
            self.core.sys.dir(name)
        self.core.class_dir("block")
        self.folder(f"/lib/modules/{features.release}").file("modules.alias", module_aliases())
        if features.debugfs:
            add_debugfs(self)
        self.pmus = Pmus(self)
        self.iommu.on_unit.append(self.pmus.offer)

    # -- layout

    def set_bus_range(self, port: Function, first: int, last: int) -> None:
        """Say which bus numbers lie behind a port."""
        self._buses[port.address] = (first, last)
        port.dir.file("secondary_bus_number", f"{first}\n")
        port.dir.file("subordinate_bus_number", f"{last}\n")

    def bus_range(self, port: Function) -> tuple[int, int]:
        """Return the first and the last bus number behind a port."""
        return self._buses.get(port.address, (0, 0))

    def cpulist(self, node: int) -> str:
        """Return the CPUs near a NUMA node, as ``local_cpulist`` prints them."""
        features = self.core.features
        share = features.cpus // max(1, features.nodes)
        first, last = (0, features.cpus - 1) if node < 0 else (node * share, node * share + share - 1)
        return f"{first}-{last}" if last > first else str(first)

    def cpumask(self, node: int) -> str:
        """Return the CPUs near a NUMA node, as ``local_cpus`` prints them."""
        first, _, last = self.cpulist(node).partition("-")
        bits = ((1 << (int(last or first) + 1)) - 1) & ~((1 << int(first)) - 1)
        words: list[int] = []
        while bits or not words:
            words.append(bits & 0xFFFFFFFF)
            bits >>= 32
        return ",".join([f"{words[-1]:x}", *(f"{part:08x}" for part in reversed(words[:-1]))])

    def revive(self, old: Function) -> Function:
        """Bring back a function that ``remove`` took away, as a bus rescan does."""
        role = "pf" if old.sriov is not None else "function"
        f = self.pci.add(old.address, old.model, port=old.port, role=role, numa=old.numa)
        f.net, f.nvme, f.sriov = old.net, old.nvme, old.sriov
        return f

    # -- the hand of tests and scenarios

    def device(self, name: str) -> Device:
        """Return the function or mdev called ``name``. Raises ``KeyError``."""
        found = self.pci.functions.get(name) or self.mdev.mdevs.get(name)
        if found is None:
            raise KeyError(f"no device {name!r} on this simulated host")
        return found

    def path(self, name: str) -> str:
        """Return the path below /sys/devices of a function, mdev or mdev parent."""
        parent = self.mdev.parents.get(name)
        return (parent.dir if parent is not None else self.device(name).dir).path()

    def start_process(self, name: str, argv: Sequence[str] | None = None, **details: object) -> SimProcess:
        """Start a process; ``details`` are fields of ``SimProcess``."""
        pid = details.pop("pid", 0) or self._free_pid()
        process = SimProcess(pid, name, tuple(argv) if argv is not None else (name,), **details)  # type: ignore[arg-type]
        process.started = process.started or 60.0
        self.processes.start(process)
        self.core.schedule.changed()
        return process

    def _free_pid(self) -> int:
        while self._next_pid in self.processes.all:
            self._next_pid += 1
        return self._next_pid

    def start_vm(self, vm: VmPlan | str, devices: Sequence[str] = (), *, mapped: bool = True) -> SimProcess:
        """Start a QEMU process with ``devices`` plugged in. Raises ``OSError`` as opening them does."""
        plan = vm if isinstance(vm, VmPlan) else VmPlan(name=vm, devices=tuple(devices), mapped=mapped)
        pid = plan.pid or self._free_pid()
        argv = qemu_argv(plan, self.mdev.mdevs.keys(), self.core.features.cdev)
        memory = plan.memory_mb * 1024
        process = SimProcess(
            pid,
            "qemu-system-x86",
            argv,
            plan.uid,
            plan.user,
            plan.started or 60.0 + self.core.schedule.now,
            memory + 60_000,
            memory if plan.devices and self.core.features.cdev else 0,
            memory if plan.devices and not self.core.features.cdev else 0,
            str((plan.memory_mb + 1024) << 20) if plan.style == "libvirt" else "unlimited",
            cgroup=plan.cgroup,
            threads=plan.vcpus + 3,
        )
        self.processes.start(process)
        self.vms[pid] = plan
        if plan.accel == "kvm":
            process.open("/dev/kvm")
            vm_fd = process.open("anon_inode:kvm-vm")
            for vcpu in range(plan.vcpus):
                process.open(f"anon_inode:kvm-vcpu:{vcpu}")
            self._kvm_event("create", pid, vm_fd)
        try:
            for name in plan.devices:
                self.processes.hold(pid, self.device(name), mapped=plan.mapped and name not in plan.trapped)
        except (OSError, KeyError):
            self.stop(pid)
            raise
        if plan.devices and plan.accel == "kvm":
            process.open("anon_inode:kvm-vfio")
        self.core.schedule.changed()
        return process

    def _kvm_event(self, kind: str, pid: int, fd: int) -> None:
        self._vms += 1 if kind == "create" else -1
        self._vms_ever += kind == "create"
        fields = {
            "CREATED": str(self._vms_ever),
            "COUNT": str(self._vms),
            "EVENT": kind,
            "PID": str(pid),
            "STATS_PATH": f"/sys/kernel/debug/kvm/{pid}-{fd}",
        }
        self.core.events.emit("change", KVM, "misc", fields)

    def open_device(self, pid: int, name: str, *, mapped: bool = True, token: str = "") -> None:
        """Let a process open a device through VFIO. Raises ``OSError`` as the kernel does."""
        self.core.schedule.pump()
        self.processes.hold(pid, self.device(name), mapped=mapped, token=token)

    def close_device(self, pid: int, name: str) -> None:
        """Let a process close one device; whoever waits for that goes on."""
        self.processes.let_go(pid, self.device(name))

    def stop(self, pid: int) -> None:
        """End a process: everything it holds is released, and whoever waits for that goes on."""
        process = self.processes.all.get(pid)
        self.processes.end(pid)
        self.vms.pop(pid, None)
        for number, (target, _) in (process.fds if process is not None else {}).items():
            if target == "anon_inode:kvm-vm":
                self._kvm_event("destroy", pid, number)

    release = stop

    def unplug(self, name: str) -> Job:
        """Take a function away as a hot-unplug does; done at once unless somebody holds it."""
        device = self.device(name)
        if not isinstance(device, Function):
            raise KeyError(f"{name!r} is no PCI function")
        return self.core.schedule.start(self.files.unplug(device))

    def write(self, path: str, data: str | bytes) -> Job:
        """Begin a write as root; the job tells what became of it. Raises what opening the file does."""
        raw = data.encode() if isinstance(data, str) else data
        return self.core.schedule.start(self.root_write(path, raw))

    def writing(self, tree: Tree, path: str, data: bytes) -> Operation:
        """Return the operation that one write(2) of ``data`` to ``path`` is. Raises what open(2) does."""
        holder, node = tree.find(self.core.root, path)
        if isinstance(node, Dir):
            raise oops(errno.EISDIR, path)
        if not isinstance(node, Attr | File) or node.write is None or not tree.privileged:
            raise oops(errno.EACCES, path)
        return _write(holder, node, data)

    def root_write(self, path: str, data: bytes) -> Operation:
        """Return the operation that a write by root is. Raises what opening the file does."""
        return self.writing(Tree(self.core.root, privileged=True), path, data)

    def folder(self, path: str) -> Dir:
        """Return a directory outside /sys and /proc, made when it is not there yet."""
        here = self.core.root
        for part in path.strip("/").split("/"):
            here = here.dir(part)
        return here

    def load_module(self, name: str) -> None:
        """Load a module, as modprobe does: its drivers take the idle functions that they match. Raises ENOENT."""
        drivers = [spec.name for spec in DRIVERS.values() if spec.module == name]
        if not drivers:
            raise oops(errno.ENOENT, name)
        for driver in drivers:
            self.pci.introduce(driver)

    def set_vf_token(self, pf: str, token: str) -> None:
        """Let somebody open a PF with a VF token and close it. Raises ``OSError`` as the kernel does."""
        process = self.start_process("vf-token")
        try:
            self.open_device(process.pid, pf, token=token)
        finally:
            self.release(process.pid)

    def look_at(self, name: str) -> VfioLook:
        """Let somebody open a device, ask what it is and close it. Raises ``OSError`` as the kernel does."""
        with self._opened(name) as device:
            return self.vfio.look(device)

    def save_state(self, uuid: str) -> bytes:
        """Let somebody open an mdev, read its state and close it. Raises ``OSError`` as the kernel does."""
        with self._opened(uuid) as device:
            return self.vfio.state_of(device)

    def restore_state(self, uuid: str, state: bytes) -> None:
        """Let somebody open an mdev, give it a state and close it. Raises ``OSError`` as the kernel does."""
        with self._opened(uuid) as device:
            self.vfio.give_state(device, state)

    @contextlib.contextmanager
    def _opened(self, name: str) -> Iterator[Device]:
        try:
            device = self.device(name)
        except KeyError:
            raise oops(errno.ENOENT, name) from None
        process = self.start_process("vfio")
        try:
            self.open_device(process.pid, name)
            yield device
        finally:
            self.release(process.pid)

    def uuid(self, text: str) -> str:
        """Return a made-up UUID that is always the same for ``text``."""
        return str(uuids.uuid5(uuids.NAMESPACE_OID, text))


def _write(holder: Dir, node: Attr | File, data: bytes) -> Operation:
    if not data:
        return
    if isinstance(node, Attr):
        assert node.write is not None
        operation = node.write(holder.owner, data)
    else:
        assert node.write is not None
        operation = node.write(data)
    if operation is not None:
        yield from operation
