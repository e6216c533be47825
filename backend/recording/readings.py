"""Readings in a recording: what is new since the last tick, in columns.

Names are written once in a segment and are numbers after that. Of values only the difference to the value before is
written, and nothing at all of a reading that says the same again; times are microseconds. What stands still costs two
bytes a tick before they are deflated.
"""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass, field
from itertools import islice

import msgspec

from backend.model.counters import Counter, CounterKind, CounterSet, CounterState, Measure, Reading, Stamp, Unit, Values
from backend.model.text import clean

Key = tuple[str, str, str]
"""Subject, set, instance."""

Number = int | str | None
"""A value or a difference; as text where it takes more than 64 bits."""

_STATES = tuple(CounterState)
_MICRO = 1e6
_WIDEST = 1 << 63
_LONGEST = 24
"""Characters of the greatest number that is read of a kernel file."""


class _Counter(msgspec.Struct, array_like=True, frozen=True):
    id: str
    title: str
    unit: str
    measure: str
    kind: str
    bits: int


class _Set(msgspec.Struct, array_like=True, frozen=True):
    id: str
    title: str
    source: str
    counters: list[_Counter]


class _Tick(msgspec.Struct, array_like=True):
    """A tick as it is written. All but names are columns: what stands at one place belongs together."""

    running: int
    """Microseconds of CLOCK_MONOTONIC: what the times of the readings are counted from."""
    passed: int
    """Microseconds of CLOCK_BOOTTIME."""
    sets: list[_Set]
    keys: list[tuple[str, int, str]]
    """New keys: subject, number of the set, instance."""
    reasons: list[str]
    gone: list[int]
    read: list[int]
    """Keys of the readings, in their order."""
    times: list[int]
    fresh: list[int]
    """Places among ``read`` of those that do not say the same again; the columns below are theirs."""
    states: list[int]
    why: list[int]
    """Number of the reason."""
    values: list[Number]
    """Of all readings, one after the other."""
    slept: dict[int, int]
    """Place among ``read`` → microseconds that CLOCK_BOOTTIME ran further than the base's."""


@dataclass(slots=True)
class _Names:
    """What has been given a number in this segment."""

    sets: dict[str, int] = field(default_factory=dict)
    keys: dict[Key, int] = field(default_factory=dict)
    reasons: dict[str, int] = field(default_factory=lambda: {"": 0})
    last: list[tuple[CounterState, int, Values]] = field(default_factory=list)
    """By number of the key: state, number of the reason and values."""


class ReadingWriter:
    """Turns readings into ticks; each is told apart from those before since ``begin``."""

    def __init__(self) -> None:
        self._names = _Names()
        self._encoder = msgspec.msgpack.Encoder()

    def begin(self) -> None:
        """Begin a segment: nothing that was written before is needed."""
        self._names = _Names()

    def write(self, at: Stamp, readings: Sequence[Reading], gone: Collection[Key]) -> bytes:
        """Return a tick: what was read by about ``at``, and what is not there any more."""
        names = self._names
        base, ahead = round(at.running * _MICRO), round((at.passed - at.running) * _MICRO)
        tick = _Tick(base, base + ahead, [], [], [], [], [], [], [], [], [], [], {})
        tick.gone = [number for key in gone if (number := names.keys.get(key)) is not None]
        for place, reading in enumerate(readings):
            number = names.keys.get((reading.subject, reading.set.id, reading.instance))
            if number is None:
                number = self._name(tick, reading)
            tick.read.append(number)
            tick.times.append(round(reading.at.running * _MICRO) - base)
            further = round((reading.at.passed - reading.at.running) * _MICRO) - ahead
            if further:
                tick.slept[place] = further
            state, why, values = names.last[number]
            reason = names.reasons.get(reading.reason)
            if reading.values == values and reading.state is state and reason == why:
                continue
            if reason is None:
                reason = names.reasons[reading.reason] = len(names.reasons)
                tick.reasons.append(reading.reason)
            tick.fresh.append(place)
            tick.states.append(_STATES.index(reading.state))
            tick.why.append(reason)
            tick.values.extend(map(_difference, values, reading.values))
            names.last[number] = (reading.state, reason, reading.values)
        return self._encoder.encode(tick)

    def _name(self, tick: _Tick, reading: Reading) -> int:
        names, of = self._names, reading.set
        if of.id not in names.sets:
            names.sets[of.id] = len(names.sets)
            counters = [_Counter(c.id, c.title, c.unit, c.measure, c.kind, c.bits) for c in of.counters]
            tick.sets.append(_Set(of.id, of.title, of.source, counters))
        number = names.keys[reading.subject, of.id, reading.instance] = len(names.keys)
        tick.keys.append((reading.subject, names.sets[of.id], reading.instance))
        names.last.append((CounterState.KNOWN, -1, (None,) * len(of.counters)))
        return number


class ReadingReader:
    """Turns ticks into readings again. They must come in the order in which they were written."""

    def __init__(self) -> None:
        self._sets: list[CounterSet] = []
        self._keys: list[tuple[str, CounterSet, str]] = []
        self._last: list[tuple[CounterState, str, Values]] = []
        self._reasons = [""]

    def read(self, raw: bytes) -> tuple[list[Reading], list[Key]]:
        """Return the readings of a tick, and what is not there any more. Raises ``ValueError`` for nonsense."""
        tick = msgspec.msgpack.decode(raw, type=_Tick)
        try:
            return self._read(tick)
        except (IndexError, OverflowError, TypeError) as error:
            raise ValueError(f"a tick that makes no sense: {error}") from error

    def _read(self, tick: _Tick) -> tuple[list[Reading], list[Key]]:
        self._sets += [_set(one) for one in tick.sets]
        for subject, number, instance in tick.keys:
            of = self._sets[number]
            self._keys.append((clean(subject), of, clean(instance)))
            self._last.append((CounterState.KNOWN, "", (None,) * len(of.counters)))
        self._reasons += [clean(reason) for reason in tick.reasons]
        fresh = dict(zip(tick.fresh, zip(tick.states, tick.why, strict=True), strict=True))
        values = iter(tick.values)
        ahead = tick.passed - tick.running
        readings: list[Reading] = []
        for place, (number, time) in enumerate(zip(tick.read, tick.times, strict=True)):
            subject, of, instance = self._keys[number]
            if place in fresh:
                state, why = fresh[place]
                before = self._last[number][2]
                figures = tuple(map(_sum, before, islice(values, len(before))))
                if len(figures) != len(before):
                    raise ValueError("a tick that lacks values")
                self._last[number] = (_STATES[state], self._reasons[why], figures)
            known, reason, figures = self._last[number]
            running = tick.running + time
            at = Stamp(running / _MICRO, (running + ahead + tick.slept.get(place, 0)) / _MICRO)
            readings.append(Reading(subject, of, figures, at, instance, known, reason))
        gone = [(subject, of.id, instance) for subject, of, instance in map(self._keys.__getitem__, tick.gone)]
        return readings, gone


def _difference(before: int | None, after: int | None) -> Number:
    """Return what to add to ``before``; the value itself where there was none, as text where that is too far."""
    if after is None:
        return None
    away = after if before is None else after - before
    return away if -_WIDEST <= away < _WIDEST else str(after)


def _sum(before: int | None, away: Number) -> int | None:
    if isinstance(away, str):
        if len(away) > _LONGEST + 1:
            raise ValueError("a number that no counter has")
        return int(away)
    return away if before is None or away is None else before + away


def _set(found: _Set) -> CounterSet:
    """Return a set of counters. Raises ``ValueError`` for a unit or kind that there is not."""
    counters = tuple(
        Counter(clean(c.id), clean(c.title), Unit(c.unit), Measure(c.measure), CounterKind(c.kind), c.bits)
        for c in found.counters
    )
    return CounterSet(clean(found.id), clean(found.title), clean(found.source), counters)
