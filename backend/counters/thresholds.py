"""Which thresholds are crossed: told after a while beyond, and taken back after a while well inside."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from backend.model.counters import Activity, Counter, Flow
from backend.model.figures import fitting, text_of
from backend.model.threshold import Alarm, Threshold


@dataclass(slots=True)
class _Watched:
    """How one subject stands to one threshold."""

    since: float | None = None
    """When it began to be otherwise than it is told: beyond, or well again."""
    alarm: Alarm | None = None


class ThresholdWatch:
    """Follows what is measured."""

    def __init__(self, thresholds: Sequence[Threshold]) -> None:
        self._thresholds = tuple(thresholds)
        self._watched: dict[tuple[str, str], _Watched] = {}

    @property
    def wanted(self) -> bool:
        """Whether there is anything to follow."""
        return bool(self._thresholds)

    def judge(self, activity: Activity, now: float) -> tuple[Alarm, ...]:
        """Return what is beyond a threshold. ``now`` is a moment in seconds that never go back."""
        watched: dict[tuple[str, str], _Watched] = {}
        alarms: list[Alarm] = []
        for threshold in self._thresholds:
            for subject, flows in activity.items():
                found = _value(flows, threshold.counter)
                if found is None:
                    continue
                key = (threshold.name, subject)
                one = watched[key] = self._watched.get(key) or _Watched()
                _follow(one, threshold, subject, *found, now)
                if one.alarm is not None:
                    alarms.append(one.alarm)
        # What is not measured any more is nobody's to judge: it is forgotten.
        self._watched = watched
        return tuple(alarms)


def _follow(
    one: _Watched, threshold: Threshold, subject: str, value: float | None, counter: Counter, flow: Flow, now: float
) -> None:
    if value is None:
        return  # told neither so nor so
    if one.alarm is None:
        turned = value > threshold.limit if threshold.above else value < threshold.limit
    else:
        turned = value <= threshold.clear if threshold.above else value >= threshold.clear
    if not turned:
        one.since = None
        return
    if one.since is None:
        one.since = now
    if now - one.since >= threshold.seconds:
        one.since = None
        one.alarm = _alarm(threshold, subject, value, counter, flow) if one.alarm is None else None


def _alarm(threshold: Threshold, subject: str, value: float, counter: Counter, flow: Flow) -> Alarm:
    def words(amount: float) -> str:
        return text_of(amount, fitting(amount), counter)

    what = " ".join(filter(None, [counter.title, flow.instance]))
    return Alarm(
        threshold, subject, what, words(value), words(threshold.limit), words(threshold.clear), flow.set.source
    )


def _value(flows: Iterable[Flow], name: str) -> tuple[float | None, Counter, Flow] | None:
    """Return what a subject does of a measure or counter by the first source that has it; None where none has."""
    unknown: tuple[float | None, Counter, Flow] | None = None
    for flow in flows:
        places = [place for place, counter in enumerate(flow.set.counters) if is_called(flow.set.id, counter, name)]
        if not places:
            continue
        counter = flow.set.counters[places[0]]
        values = [value for place in places if (value := flow.rates[place]) is not None]
        if values:
            return sum(values), counter, flow
        unknown = unknown or (None, counter, flow)
    return unknown


def is_called(set_id: str, counter: Counter, name: str) -> bool:
    """Return whether a threshold's name means this counter."""
    return name == f"{set_id}.{counter.id}" or (bool(counter.measure) and name == counter.measure.value)
