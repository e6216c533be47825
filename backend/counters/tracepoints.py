"""Tracepoints of KVM and the IOMMU, counted for the whole host on every CPU."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator, Sequence, Set

from backend.counters.events import OpenEvent
from backend.counters.sampler import About, nothing, stamp, state_of, whole
from backend.host.doors import TRACEPOINT, EventConfig, HostDoors
from backend.model.counters import HOST, Counter, CounterSet, CounterState, Reading, Unit
from backend.model.device import Device
from backend.model.host import Host

_EVENTS = "/sys/kernel/tracing/events"
_CPUS = "/sys/devices/system/cpu/online"

TRACEPOINTS = CounterSet(
    "tracepoints",
    "Tracepoints, whole host",
    f"perf, {_EVENTS}",
    (
        Counter("kvm/kvm_exit", "KVM exits", Unit.EXITS),
        Counter("kvm/kvm_mmio", "KVM MMIO emulations", Unit.EXITS),
        Counter("kvm/kvm_userspace_exit", "exits to the VMM", Unit.EXITS),
        Counter("iommu/map", "IOMMU maps", Unit.EVENTS),
        Counter("iommu/unmap", "IOMMU unmaps", Unit.EVENTS),
        Counter("iommu/io_page_fault", "I/O page faults", Unit.ERRORS),
    ),
)


class TracepointSampler:
    """Counts while somebody looks at the whole host, or records: an open tracepoint costs every event a little."""

    about = About(
        "tracepoints", "KVM and IOMMU tracepoints", (TRACEPOINTS,), "root, tracefs mounted",
        "6 for each CPU, and some 100 ns for each event", host_wide=True,
    )  # fmt: skip

    def __init__(self, doors: HostDoors) -> None:
        self._files = doors.files
        self._perf = doors.perf
        self._clock = doors.clock
        self._events: tuple[OpenEvent | None, ...] = ()
        self._failed: OSError | None = None

    def read(self, host: Host, devices: Sequence[Device]) -> Iterator[Reading | None]:
        """Yield one reading, of the whole host."""
        if not self._events and self._failed is None:
            self._begin()
        at = stamp(self._clock)
        if not any(event is not None for event in self._events):
            state, reason = (
                CounterState.UNSUPPORTED,
                "tracefs is not mounted, or nothing is loaded that could be traced",
            )
            if self._failed is not None and not isinstance(self._failed, FileNotFoundError):
                state, reason = state_of(self._failed, "tracepoints")
            yield nothing(HOST, TRACEPOINTS, at, state, reason)
            return
        try:
            yield Reading(HOST, TRACEPOINTS, tuple([e.read() if e is not None else None for e in self._events]), at)
        except OSError as error:
            self.close()
            yield nothing(HOST, TRACEPOINTS, at, *state_of(error, "tracepoints"))

    def _begin(self) -> None:
        try:
            cpus = parse_cpus(self._files.read(_CPUS, 4096).decode("ascii", "replace"))
        except OSError:
            cpus = [0]
        events: list[OpenEvent | None] = []
        for counter in TRACEPOINTS.counters:
            try:
                events.append(self._open(counter.id, cpus))
            except OSError as error:
                self._failed = error
                events.append(None)
        self._events = tuple(events)

    def _open(self, name: str, cpus: Sequence[int]) -> OpenEvent | None:
        number = whole(self._files.read(f"{_EVENTS}/{name}/id", 32))
        if number is None:
            return None
        event = EventConfig(TRACEPOINT, number)
        with contextlib.ExitStack() as opened:
            parts = []
            for cpu in cpus:
                part = self._perf.open(event, cpu=cpu)
                opened.callback(part.close)
                parts.append(part)
            opened.pop_all()
        return OpenEvent(parts)

    def forget(self, subjects: Set[str]) -> None:
        """Close the events when nobody looks at the whole host any more."""
        if HOST in subjects:
            self.close()

    def close(self) -> None:
        """Close the events; the next reading begins anew."""
        for event in self._events:
            if event is not None:
                event.close()
        self._events = ()
        self._failed = None


def parse_cpus(text: str) -> list[int]:
    """Return the CPUs of a list such as ``0-3,8``; what makes no sense in it is left out."""
    cpus: list[int] = []
    for part in text.strip().split(","):
        first, _, last = part.partition("-")
        if first.isdecimal() and (not last or last.isdecimal()):
            cpus.extend(range(int(first), min(int(last or first), int(first) + 8191) + 1))
    return cpus
