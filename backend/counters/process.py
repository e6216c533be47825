"""CPU time and memory of the processes that hold devices, with what they pin for the device's DMA."""

from __future__ import annotations

from collections.abc import Iterator, Sequence, Set

from backend.counters.sampler import About, nothing, stamp, state_of, users_of
from backend.host.doors import HostDoors, Processes
from backend.model.counters import (
    Counter,
    CounterKind,
    CounterSet,
    CounterState,
    Measure,
    Reading,
    Unit,
    process_subject,
)
from backend.model.device import Device
from backend.model.holder import Holder, HolderKind
from backend.model.host import Host

PROCESS = CounterSet(
    "process",
    "Process",
    "/proc/PID/stat, status, limits",
    (
        Counter("cpu", "CPU", Unit.NANOSECONDS, Measure.CPU),
        Counter("resident", "memory", Unit.BYTES, kind=CounterKind.LEVEL),
        Counter("pinned", "pinned", Unit.BYTES, Measure.PINNED, CounterKind.LEVEL),
        Counter("locked", "locked", Unit.BYTES, kind=CounterKind.LEVEL),
        Counter("limit", "limit of locked memory", Unit.BYTES, kind=CounterKind.LEVEL),
    ),
)
"""What VFIO pins for a device counts as locked through a VFIO container (``VmLck``), as pinned through iommufd
(``VmPin``). The limit is not there when there is none."""

_KIB = 1024


class ProcessSampler:
    """Reads the VMs and programs that hold devices."""

    about = About("process", "CPU, memory and pinned pages of holders", (PROCESS,), "", "17 for each process")

    def __init__(self, doors: HostDoors) -> None:
        self._processes = doors.processes
        self._files = doors.files
        self._clock = doors.clock

    def read(self, host: Host, devices: Sequence[Device]) -> Iterator[Reading | None]:
        """Yield a reading for each VM and program that holds any of ``devices``."""
        if self._processes is None:
            return
        for pid, holder in users_of(devices, HolderKind.VM, HolderKind.PROCESS, HolderKind.SERVICE).items():
            at = stamp(self._clock)
            try:
                yield self._process(self._processes, pid, holder)
            except ProcessLookupError:
                reason = "the process has ended"
                yield nothing(process_subject(pid), PROCESS, at, CounterState.UNKNOWN, reason, holder.name)
            except OSError as error:
                yield nothing(process_subject(pid), PROCESS, at, *state_of(error, f"/proc/{pid}"), holder.name)

    def _process(self, processes: Processes, pid: int, holder: Holder) -> Reading:
        at = stamp(self._clock)
        usage = processes.usage(pid)
        if holder.start_time is not None and abs(usage.start_time - holder.start_time) > 1.0:
            raise ProcessLookupError
        status = self._files.read(f"/proc/{pid}/status", 4096)
        limits = self._files.read(f"/proc/{pid}/limits", 4096)
        values = (
            int(usage.cpu * 1e9),
            usage.resident,
            _kib(status, b"\nVmPin:"),
            _kib(status, b"\nVmLck:"),
            _limit(limits),
        )
        return Reading(process_subject(pid), PROCESS, values, at, holder.name)

    def forget(self, subjects: Set[str]) -> None:
        """Nothing is kept."""

    def close(self) -> None:
        """Nothing to let go of."""


def _kib(status: bytes, label: bytes) -> int | None:
    words = status.partition(label)[2].split(None, 1)
    return int(words[0]) * _KIB if words and words[0].isdigit() else None


def _limit(limits: bytes) -> int | None:
    words = limits.partition(b"Max locked memory")[2].split(None, 1)
    return int(words[0]) if words and words[0].isdigit() else None
