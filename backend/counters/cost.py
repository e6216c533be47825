"""What measuring costs, measured: each sampler by itself, on this host, now."""

from __future__ import annotations

import os
import time
from collections.abc import Sequence
from dataclasses import dataclass

import psutil

from backend.counters.sampler import About, Sampler, WaitingSampler, whole
from backend.host.doors import TRACEPOINT, EventConfig, HostDoors, PerfEvent
from backend.model.counters import CounterState, Reading
from backend.model.device import Device
from backend.model.host import Host

ROUNDS = 5
"""Ticks that are measured, after one that opens what stays open."""

_SYSCALLS = "/sys/kernel/tracing/events/raw_syscalls/sys_enter/id"


@dataclass(frozen=True, slots=True)
class Cost:
    """What one sampler costs. The figures are of one tick, of this process: not of a child that a driver may keep."""

    sampler: str
    title: str
    declared: str
    """System calls of one reading, in words."""
    needs: str
    every: float
    """Seconds between two readings of one function."""
    functions: int
    """Devices, VMs and programs of which it told something."""
    readings: int
    known: int
    """Readings with figures in them."""
    cpu: float
    """Seconds of CPU, in user space and in the kernel."""
    reads: int
    """read(2) and its kin."""
    bytes: int
    syscalls: int | None
    """All system calls; None where they cannot be counted."""
    why: str = ""
    """Why there are no figures, where there are none."""


class CostMeter:
    """Measures samplers one after another.

    Attributes:
        uncounted: why system calls cannot be counted; "" where they can.
    """

    def __init__(self, doors: HostDoors, host: Host) -> None:
        self._host = host
        self._devices = tuple(host.devices.values())
        self._process = psutil.Process()
        self._calls: PerfEvent | None = None
        self.uncounted = ""
        try:
            number = whole(doors.files.read(_SYSCALLS, 32))
            self._calls = doors.perf.open(EventConfig(TRACEPOINT, number or 0), cpu=-1, pid=os.getpid())
        except OSError as error:
            self.uncounted = f"system calls are counted by a tracepoint, which needs root and tracefs: {error.strerror}"

    def close(self) -> None:
        """Stop counting."""
        if self._calls is not None:
            self._calls.close()

    def measure(self, sampler: Sampler) -> Cost:
        """Return what a sampler costs that never makes its reader wait."""
        devices: Sequence[Device] = () if sampler.about.host_wide else self._devices

        def once() -> list[Reading]:
            return [reading for reading in sampler.read(self._host, devices) if reading is not None]

        readings = once()
        before = self._now()
        for _ in range(ROUNDS):
            readings = once()
        found = self._cost(sampler.about, readings, before)
        sampler.close()
        return found

    async def measure_waiting(self, sampler: WaitingSampler) -> Cost:
        """Return what a sampler costs that may have to wait for a driver."""
        readings = await sampler.gather(self._host, self._devices)
        before = self._now()
        for _ in range(ROUNDS):
            readings = await sampler.gather(self._host, self._devices)
        return self._cost(sampler.about, readings, before)

    def _now(self) -> tuple[float, int, int, int]:
        io = self._process.io_counters()
        calls = self._calls.read().value if self._calls is not None else 0
        return time.process_time(), io.read_count, io.read_chars, calls

    def _cost(self, about: About, readings: Sequence[Reading], before: tuple[float, int, int, int]) -> Cost:
        cpu, reads, size, calls = ((now - then) / ROUNDS for now, then in zip(self._now(), before, strict=True))
        known = [reading for reading in readings if reading.state is CounterState.KNOWN]
        why = readings[0].reason if readings and not known else "" if readings else "nothing here has it"
        subjects = {reading.subject for reading in readings}
        counted = round(calls) if self._calls is not None else None
        return Cost(
            about.id, about.title, about.cost, about.needs, about.period, len(subjects), len(readings), len(known), cpu,
            round(reads), round(size), counted, why,
        )  # fmt: skip
