"""What was measured, in words: one figure for a row, lines for a device, and a unit that does not jump."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass

from backend.model.counters import CounterState, Flow, Measure, Unit, process_subject
from backend.model.device import Device, DeviceKind
from backend.model.figures import fitting
from backend.model.group import IommuGroup
from backend.model.holder import Holder, HolderKind
from backend.model.host import Host
from backend.present.tree import NumaNode, RootPort, Row, holder_key, is_plumbing

WORDS = {
    CounterState.UNKNOWN: "?",
    CounterState.HIDDEN: "root",
    CounterState.STALE: "stale",
    CounterState.NOT_COUNTED: "n/a",
    CounterState.POSTED: "posted",
    CounterState.ASLEEP: "asleep",
}
"""What stands in the place of a figure that is not there. Nothing where there could be none: the hardware or the
kernel lacks it, or the source knows the rest and not this."""

_OF_VMS = frozenset({Measure.TRAPS, Measure.EXITS, Measure.CPU, Measure.PINNED})
"""What is counted of the process that holds a device, not of the device."""


@dataclass(frozen=True, slots=True)
class Figure:
    """One figure of a row: the sum of what is known of all that it stands for."""

    value: float | None
    scale: int
    unit: Unit
    state: CounterState
    reason: str
    source: str


def figure(host: Host, row: Row, measure: Measure) -> Figure | None:
    """Return what a row does of one measure; None where nothing was measured that could tell."""
    if measure in _OF_VMS and isinstance(row.subject, RootPort | NumaNode):
        return None  # the VMs of VFs, which are not measured for it, would be missing
    found: list[Figure] = []
    for subject in subjects_of(host, row, measure):
        one = figure_of(host.activity.get(subject, ()), measure)
        if one is not None:
            found.append(one)
    if len(found) < 2:
        return found[0] if found else None
    known = [one for one in found if one.value is not None]
    if not known:
        return found[0]
    first = known[0]
    value = sum(one.value for one in known if one.value is not None)
    reason = "" if len(known) == len(found) else f"of {len(known)} of {len(found)}: the others are not known"
    return Figure(value, fitting(value), first.unit, CounterState.KNOWN, reason, first.source)


def figure_of(flows: Iterable[Flow], measure: Measure) -> Figure | None:
    """Return one measure of a subject by its best source: the first that knows it, else why the first does not."""
    why: Figure | None = None
    for flow in flows:
        places = list(flow.of(measure))
        if not places:
            continue
        values = [value for place in places if (value := flow.rates[place]) is not None]
        counter = flow.set.counters[places[0]]
        if values:
            scale = flow.scales[places[0]] if len(places) == 1 else fitting(sum(values))
            return Figure(sum(values), scale, counter.unit, flow.state, flow.reason, flow.set.source)
        if why is None or why.state is CounterState.UNSUPPORTED:
            why = Figure(None, 0, counter.unit, flow.state, flow.reason, flow.set.source)
    return why


def subjects_of(host: Host, row: Row, measure: Measure) -> Iterator[str]:
    """Yield the subjects whose figures of a measure belong to a row."""
    if measure in _OF_VMS:
        pids = dict.fromkeys(
            holder.pid for holder in _holders(host, row) if holder.pid is not None and holder.kind is HolderKind.VM
        )
        yield from (process_subject(pid) for pid in pids)
    else:
        yield from (str(device.id) for device in devices_of(host, row))


def devices_of(host: Host, row: Row) -> Iterator[Device]:
    """Yield the devices that a row stands for: what must be measured for its figures."""
    subject = row.subject
    if row.device is not None:
        yield row.device
    elif isinstance(subject, IommuGroup):
        yield from (host.devices[member] for member in subject.members if member in host.devices)
    elif isinstance(subject, Holder):
        key = holder_key(subject)
        yield from (d for d in host.devices.values() if any(holder_key(other) == key for other in d.holders))
    elif isinstance(subject, RootPort):
        yield from (d for d in host.devices.values() if d.root_port == subject.address and _counts_by_itself(d))
    elif isinstance(subject, NumaNode):
        yield from (d for d in host.devices.values() if d.numa == subject.number and _counts_by_itself(d))


def _counts_by_itself(device: Device) -> bool:
    """Return whether a device counts towards what a port or node does: PFs and other functions.

    What a VF does goes through its PF, and most drivers count it there too; an mdev is counted with its VM.
    """
    return device.kind in (DeviceKind.PF, DeviceKind.FUNCTION) and not is_plumbing(device)


def _holders(host: Host, row: Row) -> Iterator[Holder]:
    if isinstance(row.subject, Holder):
        yield row.subject
    else:
        yield from (holder for device in devices_of(host, row) for holder in device.holders)
