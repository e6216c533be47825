"""What readings say, one after another: the flows of every subject, and a short memory of each figure."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence, Set

from backend.counters.rates import rate, seconds_between
from backend.counters.rings import Ring, Rings, SeriesKey
from backend.counters.scale import next_scale
from backend.model.counters import Activity, CounterState, Flow, Reading

_FIRST = "the first reading: a rate wants two"
_SET_BACK = "the counters were set back, or the machine slept: the next reading tells"

Key = tuple[str, str, str]
"""Subject, set, instance."""


class Flows:
    """Takes readings in, live or from a recording.

    Args:
        order: set → its place: the best source of a measure comes first.
        histories: whether the last values of each figure are kept; nobody looks at them where only files are written.

    Attributes:
        activity: subject → flows, best source first; replaced, never changed, whenever something was measured.
    """

    def __init__(self, order: Mapping[str, int], *, histories: bool = True) -> None:
        self._order = order
        self._histories = histories
        self._last: dict[str, dict[tuple[str, str], tuple[Reading, Flow]]] = {}
        self._of: dict[str, set[Key]] = {}
        """Set → what was read of it."""
        self._rings = Rings()
        self.activity: Activity = {}

    def known(self, sets: Set[str]) -> set[Key]:
        """Return what was read of some sets, and is not gone."""
        return set().union(*(self._of.get(of, ()) for of in sets))

    def take(self, readings: Sequence[Reading], gone: Collection[Key] = ()) -> None:
        """Take readings in; what is ``gone`` is not there any more."""
        touched = set()
        for subject, of, instance in gone:
            if self._last.get(subject, {}).pop((of, instance), None) is not None:
                self._of[of].discard((subject, of, instance))
                touched.add(subject)
        for reading in readings:
            kept = self._last.setdefault(reading.subject, {})
            key = (reading.set.id, reading.instance)
            before, shown = kept.get(key, (None, None))
            if before is None:
                self._of.setdefault(reading.set.id, set()).add((reading.subject, *key))
            flow = flow_between(before, shown, reading)
            kept[key] = (reading, flow)
            if self._histories:
                self._remember(reading.subject, flow)
            touched.add(reading.subject)
        if not touched:
            return
        activity = dict(self.activity)
        for subject in touched:
            flows = [flow for _, flow in self._last[subject].values()]
            if flows:
                activity[subject] = tuple(sorted(flows, key=self._place))
            else:
                del self._last[subject]
                activity.pop(subject, None)
        self.activity = activity

    def drop(self, subjects: Set[str]) -> list[Key]:
        """Forget subjects, and return what was known of them."""
        gone = [(subject, *key) for subject in sorted(subjects) for key in self._last.get(subject, ())]
        self.take((), gone)
        return gone

    def ring(self, subject: str, flow: Flow, place: int) -> Ring | None:
        """Return the short memory of one figure: of the counter at ``place`` of a flow."""
        return self._rings.get(SeriesKey(subject, flow.set.id, flow.instance, flow.set.counters[place].id))

    def _place(self, flow: Flow) -> int:
        return self._order.get(flow.set.id, 0)

    def _remember(self, subject: str, flow: Flow) -> None:
        for counter, value in zip(flow.set.counters, flow.rates, strict=True):
            self._rings.add(SeriesKey(subject, flow.set.id, flow.instance, counter.id), value)


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
