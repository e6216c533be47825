"""A simulated host whose counters move with the test's clock, and what a meter says of it."""

from __future__ import annotations

import asyncio
from collections.abc import Collection
from dataclasses import replace

from backend.counters.all import meter_of
from backend.counters.meter import Meter
from backend.model.counters import Flow, Reading
from backend.model.host import Host
from backend.model.steps import at_once
from backend.simhost.clock import ManualClock
from backend.simhost.host import SimulatedHost
from tests.pictures import picture, simulated


class Measured:
    """One simulated host, its picture, and a meter."""

    def __init__(self, spec: str, *, privileged: bool = True) -> None:
        self.doors: SimulatedHost
        self.clock: ManualClock
        self.doors, self.clock = simulated(spec, privileged=privileged)
        self.doors.run()
        self.host: Host = picture(self.doors)
        self.meter: Meter = meter_of(self.doors)
        self.readings: list[Reading] = []
        self.meter.listeners.append(lambda readings, gone: self.readings.extend(readings))

    @property
    def pictured(self) -> Host:
        """The picture with what was measured in it."""
        return replace(self.host, activity=self.meter.activity)

    def look_again(self) -> None:
        """Take a new picture of the host."""
        self.host = picture(self.doors)

    def tick(self, ids: Collection[str] | None = None, seconds: float = 1.0) -> None:
        """Let time pass and measure."""
        self.readings.clear()
        self.clock.advance(seconds)
        wanted = {str(name) for name in self.host.devices} if ids is None else ids
        at_once(self.meter.read(self.host, wanted))

    def wait(self) -> None:
        """Measure what may have to wait for a driver."""
        ids = {str(name) for name in self.host.devices}
        for sampler in self.meter.waiting:
            asyncio.run(self.clock.run(self.meter.read_waiting(sampler, self.host, ids)))

    def flow(self, subject: str, of: str) -> Flow:
        """Return the first flow of a set at a subject."""
        return next(flow for flow in self.meter.activity[subject] if flow.set.id == of)

    def rate(self, subject: str, of: str, counter: str) -> float | None:
        """Return one rate."""
        flow = self.flow(subject, of)
        return flow.rates[[c.id for c in flow.set.counters].index(counter)]
