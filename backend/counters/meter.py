"""Samples what somebody looks at, when it is due, and hands the readings on."""

from __future__ import annotations

from collections.abc import Callable, Collection, Sequence

from backend.counters.flows import Flows, Key
from backend.counters.rings import Ring
from backend.counters.sampler import Sampler, WaitingSampler
from backend.host.doors import Clock
from backend.model.counters import HOST, Activity, Flow, Reading
from backend.model.device import Device
from backend.model.host import Host
from backend.model.ids import DeviceId, id_order
from backend.model.steps import Steps

_LATE = 0.1
"""Share of a period by which a tick may come early and still count."""

Listener = Callable[[Sequence[Reading], Sequence[Key]], None]
"""Told of readings as they came, and of what is not there any more."""


class Meter:
    """Samples devices when asked, and no others.

    Args:
        histories: whether the last values of each figure are kept.

    Attributes:
        listeners: called with every few readings as they came: what a recorder writes down.
        waiting: the samplers that may have to wait for a driver.
    """

    def __init__(
        self,
        clock: Clock,
        samplers: Sequence[Sampler],
        waiting: Sequence[WaitingSampler] = (),
        *,
        histories: bool = True,
    ) -> None:
        self._clock = clock
        self.samplers = samplers
        self.waiting = waiting
        self._flows = Flows(self.order, histories=histories)
        self._due: dict[tuple[str, str], float] = {}
        self._wanted: set[str] = set()
        self.listeners: list[Listener] = []

    @property
    def order(self) -> dict[str, int]:
        """Every set → its place: the best source of a measure comes first."""
        abouts = [*(sampler.about for sampler in self.samplers), *(sampler.about for sampler in self.waiting)]
        return {of.id: place for place, about in enumerate(abouts) for of in about.sets}

    @property
    def activity(self) -> Activity:
        """Subject → flows, best source first; replaced, never changed, whenever something was measured."""
        return self._flows.activity

    def read(self, host: Host, ids: Collection[str]) -> Steps[None]:
        """Read what is due of the devices called ``ids``, a step at a time. What is not asked for is forgotten.

        ``HOST`` among the ids asks for what is counted for the whole host.
        """
        devices = _called(host, ids)
        whole = HOST in ids
        self._forget({str(device.id) for device in devices} | subjects_of(devices) | ({HOST} if whole else set()))
        for sampler in self.samplers:
            due = [] if sampler.about.host_wide else self._due_of(sampler, devices)
            if not due and not (whole and sampler.about.host_wide):
                continue
            found: list[Reading] = []
            for reading in sampler.read(host, due):
                if reading is not None:
                    found.append(reading)
                yield
            self._take(sampler, due, found)

    async def read_waiting(self, sampler: WaitingSampler, host: Host, ids: Collection[str]) -> None:
        """Read what may have to wait for a driver. For a task beside the ticks: nothing else waits for it."""
        devices = _called(host, ids)
        due = self._due_of(sampler, devices)
        if due:
            self._take(sampler, due, await sampler.gather(host, due))

    def ring(self, subject: str, flow: Flow, place: int) -> Ring | None:
        """Return the short memory of one figure: of the counter at ``place`` of a flow."""
        return self._flows.ring(subject, flow, place)

    def close(self) -> None:
        """Let go of descriptors."""
        for sampler in self.samplers:
            sampler.close()

    def _due_of(self, sampler: Sampler | WaitingSampler, devices: Sequence[Device]) -> list[Device]:
        now = self._clock.monotonic()
        about = sampler.about
        due = []
        for device in devices:
            key = (about.id, str(device.id))
            if now >= self._due.get(key, now):
                self._due[key] = now + about.period * (1 - _LATE)
                due.append(device)
        return due

    def _forget(self, wanted: set[str]) -> None:
        """Forget the readings of what nobody asks for: a rate over the time in between would tell nothing."""
        gone = self._wanted - wanted
        self._wanted = wanted
        if gone:
            for sampler in self.samplers:
                sampler.forget(gone)
            self._due = {key: due for key, due in self._due.items() if key[1] in wanted}
            self._tell((), self._flows.drop(gone))

    def _take(self, sampler: Sampler | WaitingSampler, due: Sequence[Device], readings: Sequence[Reading]) -> None:
        """Take in what a sampler read of the devices that were due; what it read before and not any more is gone."""
        subjects = {str(device.id) for device in due} | subjects_of(due) or {HOST}
        gone = self._flows.missing({of.id for of in sampler.about.sets}, subjects, readings)
        self._flows.take(readings, gone)
        self._tell(readings, gone)

    def _tell(self, readings: Sequence[Reading], gone: Sequence[Key]) -> None:
        for listener in self.listeners:
            listener(readings, gone)


def subjects_of(devices: Sequence[Device]) -> set[str]:
    """Return the subjects beside the devices themselves: the processes that hold them."""
    return {f"pid:{holder.pid}" for device in devices for holder in device.holders if holder.pid is not None}


def _called(host: Host, ids: Collection[str]) -> list[Device]:
    """Return the devices called ``ids``, in their order, without a look at all the others."""
    return [host.devices[name] for name in sorted(map(DeviceId, ids), key=id_order) if name in host.devices]
