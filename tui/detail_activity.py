"""What a row does, in its detail: every figure with its short history, what the tallest bar means, and its source."""

from __future__ import annotations

from collections.abc import Iterable

from backend.counters.scale import next_scale
from backend.model.counters import CounterState, Flow, Measure, process_subject
from backend.model.device import Device
from backend.model.figures import text_of
from backend.model.holder import Holder, HolderKind
from backend.model.host import Host
from backend.present.columns import Cell, Role
from backend.present.glyphs import Glyphs
from backend.present.lines import Line, Section
from backend.present.rates import WORDS
from backend.present.spark import spark
from backend.present.tree import Row
from tui.bridge import Session

BARS = 24
"""Values in a small history."""

FIGURE = 10
"""Cells for a figure with its unit."""

_LOUD = frozenset({Measure.ERRORS, Measure.DROPS})
"""What should not happen at all."""


def activity_sections(host: Host, row: Row, session: Session, glyphs: Glyphs) -> Iterable[Section]:
    """Yield a section for each source that tells of the row's device, and of the VMs that hold it."""
    for subject, whose in _subjects(row):
        for flow in host.activity.get(subject, ()):
            lines = tuple(_lines(subject, flow, session, glyphs))
            if lines:
                name = " ".join(filter(None, [flow.set.title, flow.instance]))
                yield Section(f"{name}{whose}", lines)


def _subjects(row: Row) -> Iterable[tuple[str, str]]:
    holders: tuple[Holder, ...] = ()
    if isinstance(row.subject, Device):
        yield str(row.subject.id), ""
        holders = row.subject.holders
    elif isinstance(row.subject, Holder):
        holders = (row.subject,)
    for holder in holders:
        if holder.pid is not None and holder.kind in (HolderKind.VM, HolderKind.PROCESS, HolderKind.SERVICE):
            yield process_subject(holder.pid), f" of {holder.name}" if isinstance(row.subject, Device) else ""


def _lines(subject: str, flow: Flow, session: Session, glyphs: Glyphs) -> Iterable[Line]:
    if flow.state is not CounterState.KNOWN and all(rate is None for rate in flow.rates):
        if flow.state is not CounterState.UNSUPPORTED:
            yield Line(
                WORDS.get(flow.state, "?"), Cell("", Role.HIDDEN), f"{flow.reason} {glyphs.separator} {flow.set.source}"
            )
        return
    for place, counter in enumerate(flow.set.counters):
        rate = flow.rates[place]
        if rate is None:
            continue
        role = Role.WARNING if rate and counter.measure in _LOUD else Role.TEXT if rate else Role.MUTED
        values = session.recent(subject, flow, place)[-BARS:]
        bars, top = spark(values, ascii_only=glyphs.name == "ascii")
        extra = f"{bars} of {text_of(top, next_scale(None, top), counter)}" if top > 0 else ""
        yield Line(counter.title, Cell(text_of(rate, flow.scales[place], counter), role), extra, FIGURE)
    said = f" {glyphs.separator} {flow.reason}" if flow.reason else ""
    yield Line("source", Cell("", Role.MUTED), f"{flow.set.source}{said}")
