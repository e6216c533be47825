"""Sessions on simulated hosts whose time stands still: the same picture every time."""

from __future__ import annotations

from dataclasses import replace
from time import monotonic

from backend.counters.all import meter_of
from backend.model.counters import HOST, Flow
from backend.model.device import Device
from backend.model.steps import at_once
from backend.state.closer import CloserLook, look_closer
from backend.state.guarded import GuardedFact, read_guarded_facts
from tests.pictures import picture, simulated
from tests.tui.builders import FakeLive
from tui.writing import opener_for


class PictureLive(FakeLive):
    """One picture of a simulated host, and what its devices tell under their locks."""

    def __init__(self, spec: str, *, privileged: bool = True) -> None:
        self.doors, self._clock = simulated(spec, privileged=privileged)
        super().__init__(picture(self.doors))
        self._meter = meter_of(self.doors)
        self.status.last_update = monotonic() + 1e6
        self.opener = opener_for(self.doors)

    async def measure(self, seconds: int) -> None:
        """Let the host work for so many seconds, each of which is measured, and picture it then."""
        self.doors.run()
        for _ in range(seconds):
            self._clock.advance(1.0)
            host = picture(self.doors)
            ids = {HOST, *map(str, host.devices)}
            at_once(self._meter.read(host, ids))
            for sampler in self._meter.waiting:
                await self._clock.run(self._meter.read_waiting(sampler, host, ids))
        self.give(replace(picture(self.doors), activity=self._meter.activity))

    def recent(self, subject: str, flow: Flow, place: int) -> list[float | None]:
        """Return what was measured."""
        ring = self._meter.ring(subject, flow, place)
        return ring.recent() if ring is not None else []

    async def guarded_facts(self, device: Device) -> tuple[GuardedFact, ...]:
        """Ask the simulated device."""
        return await read_guarded_facts(self.doors, device)

    async def closer_look(self, device: Device) -> CloserLook:
        """Read the simulated device."""
        return look_closer(self.doors, device)
