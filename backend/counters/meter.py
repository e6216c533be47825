"""Readings in, flows out: samples what somebody looks at, and keeps what two readings say of it."""

from __future__ import annotations

from collections.abc import Callable, Collection, Sequence

from backend.counters.rates import rate, seconds_between
from backend.counters.rings import Ring, Rings, SeriesKey
from backend.counters.sampler import Sampler, WaitingSampler
from backend.counters.scale import next_scale
from backend.host.doors import Clock
from backend.model.counters import HOST, Activity, CounterState, Flow, Reading
from backend.model.device import Device
from backend.model.host import Host
from backend.model.ids import DeviceId, id_order
from backend.model.steps import Steps

_LATE = 0.1
"""Share of a period by which a tick may come early and still count."""

_FIRST = "the first reading: a rate wants two"
_SET_BACK = "the counters were set back, or the machine slept: the next reading tells"

Key = tuple[str, str, str]
"""Subject, set, instance."""


class Meter:
    """Samples devices when asked, and no others.

    Attributes:
        activity: subject → flows, best source first; replaced, never changed, whenever something was measured.
        listeners: called with every few readings as they came: what a recorder writes down.
        waiting: the samplers that may have to wait for a driver.
    """

    def __init__(self, clock: Clock, samplers: Sequence[Sampler], waiting: Sequence[WaitingSampler] = ()) -> None:
        self._clock = clock
        self._samplers = samplers
        self.waiting = waiting
        abouts = [*(sampler.about for sampler in samplers), *(sampler.about for sampler in waiting)]
        self._order = {of.id: place for place, about in enumerate(abouts) for of in about.sets}
        self._last: dict[Key, tuple[Reading, Flow]] = {}
        self._due: dict[tuple[str, str], float] = {}
        self._wanted: set[str] = set()
        self._rings = Rings()
        self.activity: Activity = {}
        self.listeners: list[Callable[[Sequence[Reading]], None]] = []

    def read(self, host: Host, ids: Collection[str]) -> Steps[None]:
        """Read what is due of the devices called ``ids``, a step at a time. What is not asked for is forgotten.

        ``HOST`` among the ids asks for what is counted for the whole host.
        """
        devices = _called(host, ids)
        whole = HOST in ids
        self._forget({str(device.id) for device in devices} | subjects_of(devices) | ({HOST} if whole else set()))
        for sampler in self._samplers:
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
        return self._rings.get(SeriesKey(subject, flow.set.id, flow.instance, flow.set.counters[place].id))

    def close(self) -> None:
        """Let go of descriptors."""
        for sampler in self._samplers:
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
            for sampler in self._samplers:
                sampler.forget(gone)
            self._last = {key: last for key, last in self._last.items() if key[0] in wanted}
            self._due = {key: due for key, due in self._due.items() if key[1] in wanted}
            self.activity = {subject: flows for subject, flows in self.activity.items() if subject in wanted}

    def _take(self, sampler: Sampler | WaitingSampler, due: Sequence[Device], readings: Sequence[Reading]) -> None:
        """Take in what a sampler read of the devices that were due; what it read before and not any more is gone."""
        for listener in self.listeners:
            listener(readings)
        touched = {str(device.id) for device in due} | subjects_of(due) or {HOST}
        sets = {of.id for of in sampler.about.sets}
        seen = {(reading.subject, reading.set.id, reading.instance) for reading in readings}
        for key in [key for key in self._last if key[1] in sets and key[0] in touched and key not in seen]:
            del self._last[key]
        for reading in readings:
            key = (reading.subject, reading.set.id, reading.instance)
            before = self._last.get(key)
            flow = flow_between(*before, reading) if before is not None else flow_between(None, None, reading)
            self._last[key] = (reading, flow)
            self._remember(reading.subject, flow)
            touched.add(reading.subject)
        flows: dict[str, list[Flow]] = {subject: [] for subject in touched}
        for (subject, _, _), (_, flow) in self._last.items():
            if subject in flows:
                flows[subject].append(flow)
        ordered = {
            subject: tuple(sorted(found, key=lambda flow: self._order.get(flow.set.id, 0)))
            for subject, found in flows.items()
            if found
        }
        kept = {subject: flows for subject, flows in self.activity.items() if subject not in touched}
        self.activity = {**kept, **ordered}

    def _remember(self, subject: str, flow: Flow) -> None:
        for counter, value in zip(flow.set.counters, flow.rates, strict=True):
            self._rings.add(SeriesKey(subject, flow.set.id, flow.instance, counter.id), value)


def subjects_of(devices: Sequence[Device]) -> set[str]:
    """Return the subjects beside the devices themselves: the processes that hold them."""
    return {f"pid:{holder.pid}" for device in devices for holder in device.holders if holder.pid is not None}


def flow_between(before: Reading | None, shown: Flow | None, after: Reading) -> Flow:
    """Return what two readings of the same say; ``shown`` is the flow shown last, whose units are kept."""
    counters = after.set.counters
    seconds = seconds_between(before.at, after.at) if before is not None else None
    earlier = before.values if before is not None else (None,) * len(counters)
    counted = after.state is CounterState.KNOWN
    rates = tuple(
        [
            rate(counter, earlier[place], after.values[place], seconds) if counted else None
            for place, counter in enumerate(counters)
        ]
    )
    scales = tuple(
        [next_scale(shown.scales[place] if shown is not None else None, value) for place, value in enumerate(rates)]
    )
    state, reason = after.state, after.reason
    if counted and not any(value is not None for value in rates) and any(v is not None for v in after.values):
        state, reason = CounterState.UNKNOWN, _FIRST if before is None else _SET_BACK
    return Flow(after.set, after.instance, state, reason, rates, scales, after.values)


def _called(host: Host, ids: Collection[str]) -> list[Device]:
    """Return the devices called ``ids``, in their order, without a look at all the others."""
    return [host.devices[name] for name in sorted(map(DeviceId, ids), key=id_order) if name in host.devices]
