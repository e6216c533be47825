"""Counters: what is counted of a device, VM or host, in which unit, where the figure comes from and how honest it is.

A ``CounterSet`` is what one source tells together. A ``Reading`` holds its values at one moment, a ``Flow`` what two
readings say of the time between them.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from enum import StrEnum

from backend.model.facts import FactState


class CounterState(StrEnum):
    """How far a figure can be trusted: the states of a fact, and three that only counters know."""

    KNOWN = FactState.KNOWN.value
    UNKNOWN = FactState.UNKNOWN.value
    """It could not be read, or a rate wants a second reading."""
    HIDDEN = FactState.HIDDEN.value
    """It is there, but this user may not read it."""
    UNSUPPORTED = FactState.UNSUPPORTED.value
    """This kernel or this hardware does not have it."""
    STALE = FactState.STALE.value
    """The last reading failed or did not return."""
    NOT_COUNTED = "n/a"
    """The driver does not count: the zeros that the kernel prints mean nothing."""
    POSTED = "posted"
    """Interrupts go straight to a vCPU and pass no counter of the host."""
    ASLEEP = "asleep"
    """Reading would wake the device, so nobody asked it."""


class Unit(StrEnum):
    """What one step of a counter is."""

    BYTES = "B"
    PACKETS = "pkt"
    INTERRUPTS = "irq"
    EXITS = "exit"
    ERRORS = "err"
    OPERATIONS = "op"
    EVENTS = "ev"
    NANOSECONDS = "ns"
    """Time in use: nanoseconds per second are a share of one CPU or engine."""
    TICKS = "tick"
    MILLIDEGREES = "m°C"
    MICROJOULES = "µJ"
    """Energy: microjoules per second are microwatts."""
    MICROWATTS = "µW"
    MEGATRANSFERS = "MT/s"
    LANES = "lanes"
    MEGAHERTZ = "MHz"
    ROTATIONS = "rpm"


class CounterKind(StrEnum):
    """How a counter behaves."""

    TOTAL = "total"
    """It only grows; its rate is what matters."""
    LEVEL = "level"
    """It goes up and down; its value is what matters."""


class Measure(StrEnum):
    """What a counter means whatever its source: what columns, findings and comparisons go by."""

    IN = "in"
    """Bytes that the function's user received or read."""
    OUT = "out"
    """Bytes that the function's user sent or wrote."""
    PACKETS_IN = "packets in"
    PACKETS_OUT = "packets out"
    DROPS = "drops"
    INTERRUPTS = "interrupts"
    TRAPS = "traps"
    """Accesses to device memory that left the guest: KVM's MMIO exits, counted for a whole VM."""
    EXITS = "exits"
    ERRORS = "errors"
    CPU = "cpu"
    PINNED = "pinned"
    OTHER = ""


@dataclass(frozen=True, slots=True)
class Counter:
    """One thing that is counted."""

    id: str
    """Unique in its set: ``rx_bytes``."""
    title: str
    unit: Unit
    measure: Measure = Measure.OTHER
    kind: CounterKind = CounterKind.TOTAL
    bits: int = 64
    """Width at which the kernel or the hardware lets it wrap."""


@dataclass(frozen=True, slots=True)
class CounterSet:
    """Counters that one source tells together."""

    id: str
    title: str
    source: str
    """The kernel file, netlink attribute or event that it comes from."""
    counters: tuple[Counter, ...]


@dataclass(frozen=True, slots=True)
class Stamp:
    """A moment by two clocks: their difference tells whether the machine slept in between."""

    running: float
    """Seconds of CLOCK_MONOTONIC: stands still while the machine sleeps."""
    passed: float
    """Seconds of CLOCK_BOOTTIME: goes on meanwhile."""


Values = tuple[int | None, ...]


@dataclass(frozen=True, slots=True)
class Reading:
    """What one set said of one subject at one moment."""

    subject: str
    """A device id, ``pid:4242`` for a VM's process, or ``host``."""
    set: CounterSet
    values: Values
    """One for each counter of the set, as whole numbers in its unit; None where it is not there."""
    at: Stamp
    instance: str = ""
    """Which of several of the kind: an interface, a disk, a sensor, a PMU."""
    state: CounterState = CounterState.KNOWN
    reason: str = ""
    """Why the state is not simply known, or what must be known to read the figures right."""


@dataclass(frozen=True, slots=True)
class Flow:
    """What the counters of one set do at one subject: per second for a total, as it stands for a level."""

    set: CounterSet
    instance: str
    state: CounterState
    reason: str
    rates: tuple[float | None, ...]
    """By counter; None until there is a second reading, and where two readings tell nothing."""
    scales: tuple[int, ...]
    """By counter: the power of 1000 that it is shown in, which does not jump with every value."""
    values: Values
    """By counter, as read last."""

    def of(self, measure: Measure) -> Iterator[int]:
        """Yield the places of the counters with this meaning."""
        return (place for place, counter in enumerate(self.set.counters) if counter.measure is measure)


Activity = Mapping[str, tuple[Flow, ...]]
"""Subject → its flows, the best source of each measure first."""

HOST = "host"
"""The subject of what is counted for the whole host."""


def process_subject(pid: int) -> str:
    """Return the subject of a VM's or program's process."""
    return f"pid:{pid}"
