"""A performance monitoring unit as its folder in sysfs describes it, and how to spell an event for the kernel.

Nothing about encodings is written down here: which bits of which field hold what stands in ``format/``, what makes up
an event in ``events/`` (``Documentation/ABI/testing/sysfs-bus-event_source-devices-*``).
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field

from backend.host.doors import Directory, EventConfig, Files
from backend.model.text import clean

PMUS = "/sys/bus/event_source/devices"

_FORMAT = re.compile(r"(config[123]?):(\d{1,2}(?:-\d{1,2})?(?:,\d{1,2}(?:-\d{1,2})?)*)", re.ASCII)
_TERM = re.compile(r"([A-Za-z_][A-Za-z0-9_]*)(?:=(0[xX][0-9a-fA-F]{1,16}|\d{1,20}))?", re.ASCII)


class BadEvent(ValueError):
    """An event that cannot be spelled for a PMU; the message says why."""


@dataclass(frozen=True, slots=True)
class Format:
    """Where the value of a term goes."""

    field: str
    """config, config1, config2 or config3."""
    bits: tuple[int, ...]
    """The places of its bits in the field, lowest first."""


@dataclass(frozen=True, slots=True)
class Pmu:
    """One PMU."""

    name: str
    type: int
    formats: Mapping[str, Format]
    events: Mapping[str, str]
    """Event → its terms, as in ``event_group=0x3,event=0x001``."""
    cpu: int = 0
    """The CPU to count on: the first of ``cpumask``."""
    extra: Mapping[str, str] = field(default_factory=dict)
    """Other small files that say what it counts for: bus, bdf_min, bdf_max."""


def parse_format(text: str) -> Format:
    """Return what a file of ``format/`` says: ``config1:16-31``. Raises ``BadEvent``."""
    found = _FORMAT.fullmatch(text.strip())
    if found is None:
        raise BadEvent(f"{text[:64]!r} is no format of an event")
    bits: list[int] = []
    for part in found[2].split(","):
        first, _, last = part.partition("-")
        bits.extend(range(int(first), int(last or first) + 1))
    if not bits or max(bits) > 63:
        raise BadEvent(f"{text[:64]!r} names a bit beyond 63")
    return Format(found[1], tuple(bits))


def parse_terms(text: str) -> dict[str, int]:
    """Return the terms of an event, ``event=0x02,umask=1``; a bare term is 1. Raises ``BadEvent``."""
    terms: dict[str, int] = {}
    for part in text.strip().split(","):
        found = _TERM.fullmatch(part.strip())
        if found is None:
            raise BadEvent(f"{part[:64]!r} is no term with a value")
        terms[found[1]] = 1 if found[2] is None else int(found[2], 0) if found[2][:1] == "0" else int(found[2])
    return terms


def encode(pmu: Pmu, terms: Mapping[str, int]) -> EventConfig:
    """Return the fields that spell ``terms``. Raises ``BadEvent`` for a term that the PMU lacks or cannot hold."""
    fields = {"config": 0, "config1": 0, "config2": 0, "config3": 0}
    for name, value in terms.items():
        if name in fields:
            fields[name] |= value
            continue
        known = pmu.formats.get(name)
        if known is None:
            raise BadEvent(f"{pmu.name} has no {name}")
        if value < 0 or value >> len(known.bits):
            raise BadEvent(f"{name}={value:#x} does not fit into {len(known.bits)} bits of {pmu.name}")
        for place, bit in enumerate(known.bits):
            fields[known.field] |= (value >> place & 1) << bit
    return EventConfig(pmu.type, fields["config"], fields["config1"], fields["config2"], fields["config3"])


def spell(pmu: Pmu, event: str, terms: Mapping[str, int]) -> EventConfig:
    """Return the fields of a named event with further terms. Raises ``BadEvent``."""
    if event not in pmu.events:
        raise BadEvent(f"{pmu.name} has no event {event}")
    return encode(pmu, {**parse_terms(pmu.events[event]), **terms})


def read_pmu(files: Files, name: str) -> Pmu | None:
    """Return a PMU, or None where it cannot be read. Formats and events that make no sense are left out."""
    try:
        with files.open_dir(f"{PMUS}/{name}") as directory:
            number = directory.read("type", 32).strip()
            if not number.isdigit():
                return None
            formats = {}
            for term in _names(directory, "format"):
                try:
                    formats[term] = parse_format(clean(directory.read(f"format/{term}", 128)))
                except (OSError, BadEvent):
                    continue
            events = {
                event: text
                for event in _names(directory, "events")
                if "." not in event and (text := _text(directory, f"events/{event}"))
            }
            extra = {key: text for key in ("bus", "bdf_min", "bdf_max") if (text := _text(directory, key))}
            return Pmu(clean(name, 64), int(number), formats, events, _first_cpu(_text(directory, "cpumask")), extra)
    except OSError:
        return None


def _names(directory: Directory, folder: str) -> list[str]:
    try:
        return sorted(directory.list(folder))
    except OSError:
        return []


def _text(directory: Directory, name: str) -> str:
    try:
        return clean(directory.read(name, 256))
    except OSError:
        return ""


def _first_cpu(text: str) -> int:
    found = re.match(r"\d+", text)
    return int(found[0]) if found is not None else 0
