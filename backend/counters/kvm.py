"""KVM's own statistics of each VM: exits, traps on device memory, interrupts injected."""

from __future__ import annotations

from collections.abc import Iterator, Sequence, Set

from backend.counters.sampler import About, nothing, stamp, state_of, users_of, whole
from backend.host.doors import Directory, HostDoors
from backend.model.counters import Counter, CounterSet, CounterState, Measure, Reading, Unit, process_subject
from backend.model.device import Device
from backend.model.holder import HolderKind
from backend.model.host import Host

DEBUGFS = "/sys/kernel/debug/kvm"

KVM = CounterSet(
    "kvm",
    "KVM",
    f"{DEBUGFS}/PID-FD",
    (
        Counter("exits", "exits", Unit.EXITS, Measure.EXITS),
        Counter("mmio_exits", "traps on device memory", Unit.EXITS, Measure.TRAPS),
        Counter("io_exits", "traps on I/O ports", Unit.EXITS),
        Counter("insn_emulation", "instructions emulated", Unit.EXITS),
        Counter("irq_injections", "interrupts injected", Unit.INTERRUPTS),
        Counter("irq_exits", "exits for the host's interrupts", Unit.EXITS),
        Counter("halt_exits", "halts", Unit.EXITS),
        Counter("tlb_flush", "TLB flushes", Unit.EVENTS),
        Counter("pf_taken", "page faults", Unit.EVENTS),
    ),
)
"""Counters that an architecture does not have are left out of its debugfs, and read as not there."""

_TRAPS_OF_VM = "all accesses of this VM to emulated or trapped device memory, not of one device"


class KvmSampler:
    """Reads debugfs: one folder for each VM, named by the process and its descriptor."""

    about = About(
        "kvm", "KVM exits and traps per VM", (KVM,), "root, debugfs mounted", f"{3 * len(KVM.counters)} for each VM"
    )

    def __init__(self, doors: HostDoors) -> None:
        self._files = doors.files
        self._clock = doors.clock
        self._open: dict[str, Directory] = {}

    def read(self, host: Host, devices: Sequence[Device]) -> Iterator[Reading | None]:
        """Yield a reading for each VM that holds any of ``devices``."""
        vms = users_of(devices, HolderKind.VM)
        if not vms:
            return
        at = stamp(self._clock)
        try:
            folders = self._files.list(DEBUGFS)
        except OSError as error:
            state, reason = state_of(error, DEBUGFS)
            if state is CounterState.UNSUPPORTED:
                reason = "debugfs is not mounted, or KVM is not loaded"
            for pid in vms:
                yield nothing(process_subject(pid), KVM, at, state, reason)
            return
        for gone in self._open.keys() - set(folders):
            self._open.pop(gone).close()
        for pid in vms:
            mine = [folder for folder in folders if folder.partition("-")[0] == str(pid)]
            if not mine:
                reason = "this VM does not run under KVM"
                yield nothing(process_subject(pid), KVM, at, CounterState.UNSUPPORTED, reason)
            for folder in mine:
                yield self._vm(process_subject(pid), folder)

    def _vm(self, subject: str, folder: str) -> Reading:
        at = stamp(self._clock)
        try:
            directory = self._open.get(folder)
            if directory is None:
                directory = self._open[folder] = self._files.open_dir(f"{DEBUGFS}/{folder}")
            values = tuple([_one(directory, counter.id) for counter in KVM.counters])
        except OSError as error:
            return nothing(subject, KVM, at, *state_of(error, f"{DEBUGFS}/{folder}"), folder)
        return Reading(subject, KVM, values, at, folder, reason=_TRAPS_OF_VM)

    def forget(self, subjects: Set[str]) -> None:
        """Close the folders of VMs that nobody asks for any more."""
        for folder in [folder for folder in self._open if process_subject(int(folder.partition("-")[0])) in subjects]:
            self._open.pop(folder).close()

    def close(self) -> None:
        """Let go of the descriptors."""
        for directory in self._open.values():
            directory.close()
        self._open.clear()


def _one(directory: Directory, name: str) -> int | None:
    try:
        return whole(directory.read(name, 32))
    except FileNotFoundError:
        return None
