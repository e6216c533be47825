"""Samples what somebody looks at, when it is due, and hands the readings on."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Mapping, Sequence

from backend.counters.flows import Flows, Key
from backend.counters.rings import Ring
from backend.counters.sampler import About, Sampler, WaitingSampler
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
        self._due: dict[str, dict[str, float]] = {about.id: {} for about in self._abouts}
        """Sampler → device → when it is read again."""
        self._wanted: set[str] = set()
        self.listeners: list[Listener] = []

    @property
    def _abouts(self) -> list[About]:
        return [*(sampler.about for sampler in self.samplers), *(sampler.about for sampler in self.waiting)]

    @property
    def order(self) -> dict[str, int]:
        """Every set → its place: the best source of a measure comes first."""
        return {of.id: place for place, about in enumerate(self._abouts) for of in about.sets}

    @property
    def activity(self) -> Activity:
        """Subject → flows, best source first; replaced, never changed, whenever something was measured."""
        return self._flows.activity

    def read(self, host: Host, ids: Collection[str]) -> Steps[None]:
        """Read what is due of the devices called ``ids``, a step at a time. What is not asked for is forgotten.

        ``HOST`` among the ids asks for what is counted for the whole host.
        """
        called = _called(host, ids)
        whole = HOST in ids
        self._forget(called.keys() | subjects_of(called.values()) | ({HOST} if whole else set()))
        for sampler in self.samplers:
            due = {} if sampler.about.host_wide else self._due_of(sampler, called)
            if not due and not (whole and sampler.about.host_wide):
                continue
            found: list[Reading] = []
            for reading in sampler.read(host, list(due.values())):
                if reading is not None:
                    found.append(reading)
                yield
            self._take(sampler, due, found)

    async def read_waiting(self, sampler: WaitingSampler, host: Host, ids: Collection[str]) -> None:
        """Read what may have to wait for a driver. For a task beside the ticks: nothing else waits for it."""
        due = self._due_of(sampler, _called(host, ids))
        if due:
            self._take(sampler, due, await sampler.gather(host, list(due.values())))

    def ring(self, subject: str, flow: Flow, place: int) -> Ring | None:
        """Return the short memory of one figure: of the counter at ``place`` of a flow."""
        return self._flows.ring(subject, flow, place)

    def close(self) -> None:
        """Let go of descriptors."""
        for sampler in self.samplers:
            sampler.close()

    def _due_of(self, sampler: Sampler | WaitingSampler, called: Mapping[str, Device]) -> dict[str, Device]:
        now, about = self._clock.monotonic(), sampler.about
        known = self._due[about.id]
        due = [name for name in called if known.get(name, now) <= now]
        known.update(dict.fromkeys(due, now + about.period * (1 - _LATE)))
        return {name: called[name] for name in due}

    def _forget(self, wanted: set[str]) -> None:
        """Forget the readings of what nobody asks for: a rate over the time in between would tell nothing."""
        gone = self._wanted - wanted
        self._wanted = wanted
        if gone:
            for sampler in self.samplers:
                sampler.forget(gone)
            for known in self._due.values():
                for name in gone & known.keys():
                    del known[name]
            self._tell((), self._flows.drop(gone))

    def _take(self, sampler: Sampler | WaitingSampler, due: Mapping[str, Device], readings: Sequence[Reading]) -> None:
        """Take in what a sampler read of the devices that were due; what it read before and not any more is gone."""
        known = self._flows.known({of.id for of in sampler.about.sets})
        if known:
            subjects = due.keys() | subjects_of(due.values()) or {HOST}
            known = {key for key in known if key[0] in subjects}
            known -= {(reading.subject, reading.set.id, reading.instance) for reading in readings}
        self._flows.take(readings, known)
        self._tell(readings, list(known))

    def _tell(self, readings: Sequence[Reading], gone: Sequence[Key]) -> None:
        for listener in self.listeners:
            listener(readings, gone)


def subjects_of(devices: Iterable[Device]) -> set[str]:
    """Return the subjects beside the devices themselves: the processes that hold them."""
    return {f"pid:{holder.pid}" for device in devices for holder in device.holders if holder.pid is not None}


def _called(host: Host, ids: Collection[str]) -> dict[str, Device]:
    """Return the devices called ``ids`` by their names, in their order, without a look at all the others."""
    return {str(name): host.devices[name] for name in sorted(map(DeviceId, ids), key=id_order) if name in host.devices}
