"""Events of PMUs that can be narrowed down to one function: IOMMUs, GPUs, PCIe cores."""

from __future__ import annotations

from collections.abc import Iterator, Sequence, Set
from dataclasses import dataclass, field

from backend.counters.events import OpenEvent
from backend.counters.iort import Iort, read_iort
from backend.counters.pinning import SETS, Pin, pins_of
from backend.counters.pmu import PMUS, BadEvent, Pmu, read_pmu, spell
from backend.counters.sampler import About, nothing, stamp, state_of
from backend.host.doors import HostDoors
from backend.model.counters import CounterState, Reading
from backend.model.device import Device
from backend.model.host import Host

MOST = 16
"""Functions counted at once: a PMU has a handful of counters, and what shares one is only estimated."""

_FULL = f"the counters of its PMU are in use: no more than {MOST} functions are counted at once"


@dataclass(slots=True)
class _Counted:
    """What is open for one function."""

    pins: list[tuple[Pin, tuple[OpenEvent | None, ...]]] = field(default_factory=list)
    failed: list[tuple[Pin, CounterState, str]] = field(default_factory=list)


class PmuSampler:
    """Opens the events of a function when it is asked for first, and closes them when nobody asks any more."""

    about = About(
        "perf", "PMUs by function", SETS, "CAP_PERFMON, or perf_event_paranoid at most 0", "1 for each event (5 a PMU)"
    )

    def __init__(self, doors: HostDoors) -> None:
        self._files = doors.files
        self._perf = doors.perf
        self._clock = doors.clock
        self._open: dict[str, _Counted] = {}
        self._uncounted: set[str] = set()
        """Functions that no PMU counts for: asked once, since neither their place nor the PMUs change."""
        self._names: frozenset[str] | None = None
        self._pmus: dict[str, Pmu | None] = {}
        self._iort: Iort | None = None

    def read(self, host: Host, devices: Sequence[Device]) -> Iterator[Reading | None]:
        """Yield a reading for each PMU that counts for one of ``devices``."""
        if self._names is None:
            self._look_around()
        for device in devices:
            subject = str(device.id)
            if subject in self._uncounted:
                continue
            counted = self._open.get(subject)
            if counted is None:
                pins = list(pins_of(host, device, self._names or frozenset(), self._pmu, self._iort))
                if not pins:
                    self._uncounted.add(subject)
                    continue
                if len(self._open) >= MOST:
                    for pin in pins:
                        yield nothing(subject, pin.of, stamp(self._clock), CounterState.UNKNOWN, _FULL, pin.instance)
                    continue
                counted = self._open[subject] = self._begin(pins)
            yield from self._readings(subject, counted)

    def _look_around(self) -> None:
        try:
            self._names = frozenset(self._files.list(PMUS))
        except OSError:
            self._names = frozenset()
        if any(name.startswith("smmuv3_pmcg_") for name in self._names):
            self._iort = read_iort(self._files)

    def _pmu(self, name: str) -> Pmu | None:
        if name not in self._pmus:
            self._pmus[name] = read_pmu(self._files, name)
        return self._pmus[name]

    def _begin(self, pins: Sequence[Pin]) -> _Counted:
        counted = _Counted()
        for pin in pins:
            pmu = self._pmu(pin.pmu)
            opened: list[OpenEvent | None] = []
            error: OSError | None = None
            for counter in pin.of.counters if pmu is not None else ():
                assert pmu is not None
                try:
                    config = spell(pmu, counter.id, pin.terms)
                    opened.append(OpenEvent([self._perf.open(config, cpu=pmu.cpu)]))
                except BadEvent:
                    opened.append(None)
                except OSError as failed:
                    error = error or failed
                    opened.append(None)
            if any(event is not None for event in opened):
                counted.pins.append((pin, tuple(opened)))
            elif error is not None:
                state, reason = state_of(error, f"PMU {pin.pmu}")
                if state is CounterState.HIDDEN:
                    reason = "perf events need CAP_PERFMON, or /proc/sys/kernel/perf_event_paranoid at most 0"
                if pin.pmu.startswith("xe_") and state is not CounterState.HIDDEN:
                    continue  # this GPU has no such engine
                counted.failed.append((pin, state, reason))
        return counted

    def _readings(self, subject: str, counted: _Counted) -> Iterator[Reading]:
        at = stamp(self._clock)
        for pin, state, reason in counted.failed:
            yield nothing(subject, pin.of, at, state, reason, pin.instance)
        for pin, events in counted.pins:
            try:
                values = tuple([event.read() if event is not None else None for event in events])
            except OSError as error:
                yield nothing(subject, pin.of, at, *state_of(error, f"PMU {pin.pmu}"), pin.instance)
                continue
            share = min((event.share for event in events if event is not None), default=1.0)
            words = [pin.scope, f"estimated: it counted {share:.0%} of the time" if share < 0.99 else ""]
            yield Reading(subject, pin.of, values, at, pin.instance, reason="; ".join(filter(None, words)))

    def forget(self, subjects: Set[str]) -> None:
        """Close the events of functions that nobody asks for any more."""
        self._uncounted -= subjects
        for subject in subjects & self._open.keys():
            _close(self._open.pop(subject))

    def close(self) -> None:
        """Close all events."""
        self.forget(set(self._open))


def _close(counted: _Counted) -> None:
    for _, events in counted.pins:
        for event in events:
            if event is not None:
                event.close()
