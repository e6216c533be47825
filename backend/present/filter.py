"""The filter: one small language for the screen and the command line.

A query is words, all of which must hold. ``driver:vfio*`` looks at one field (with ``*`` and ``?``, and
several patterns between commas), ``free`` or ``vf`` is a flag, any other word is looked for in everything
that a row shows. ``!`` before a word turns it round, quotes keep blanks: ``driver:vfio* numa:1 !free "web 2"``.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from fnmatch import translate

from backend.model.device import DataPath, Device, DeviceKind
from backend.model.host import Host
from backend.present.columns import describe_device
from backend.present.tree import Projection


class BadQueryError(ValueError):
    """A query that means nothing. The message says which word, and what was probably meant."""


Texts = Callable[[Host, Device], Iterable[str]]

FIELDS: dict[str, Texts] = {
    "id": lambda host, device: (str(device.id),),
    "kind": lambda host, device: (device.kind.value,),
    "driver": lambda host, device: (device.driver or "none",),
    "path": lambda host, device: (device.path.value if device.path else "unknown",),
    "group": lambda host, device: (str(int(device.group)) if device.group is not None else "none",),
    "holder": lambda host, device: [holder.name for holder in device.holders] or ("none",),
    "pid": lambda host, device: [str(holder.pid) for holder in device.holders if holder.pid is not None],
    "parent": lambda host, device: (device.parent or "none",),
    "root": lambda host, device: (str(device.root_port or "none"),),
    "numa": lambda host, device: ("unknown" if device.numa is None else str(device.numa),),
    "name": lambda host, device: (device.name,),
    "ids": lambda host, device: (f"{device.vendor}:{device.device}",),
    "net": lambda host, device: device.netdevs or ("none",),
    "type": lambda host, device: (device.mdev_type or (device.vgpu.current if device.vgpu else "") or "none",),
    "power": lambda host, device: (device.power or "unknown",),
}
"""Field → the texts of a device that its patterns are matched against."""


def _is_faulty(host: Host, device: Device) -> bool:
    group = host.groups.get(device.group) if device.group is not None else None
    blocked = group is not None and device.vfio and not group.viability.viable
    errors = device.aer_correctable is not None and device.aer_correctable > 0
    return blocked or errors or bool(device.notes) or (device.link is not None and device.link.degraded)


FLAGS: dict[str, Callable[[Host, Device], bool]] = {
    "pf": lambda host, device: device.kind is DeviceKind.PF,
    "vf": lambda host, device: device.kind in (DeviceKind.VF, DeviceKind.VGPU_VF),
    "mdev": lambda host, device: device.kind is DeviceKind.MDEV,
    "vfio": lambda host, device: device.vfio,
    "held": lambda host, device: device.held,
    "free": lambda host, device: not device.held and device.path in (DataPath.IDLE, DataPath.READY),
    "faulty": _is_faulty,
    "drift": lambda host, device: device.drifted,
}
"""Words with a meaning of their own."""


@dataclass(frozen=True, slots=True)
class _Term:
    negated: bool
    matches: Callable[[Host, Device], bool]


@dataclass(frozen=True, slots=True)
class Query:
    """A parsed query."""

    text: str
    terms: tuple[_Term, ...]

    def __bool__(self) -> bool:
        return bool(self.terms)

    def matches(self, host: Host, device: Device) -> bool:
        """Return whether the device satisfies every word."""
        return all(term.matches(host, device) != term.negated for term in self.terms)


_WORD = re.compile(r'\s*(!?)(?:([A-Za-z_]+):)?("[^"]*"?|[^\s"]+|(?<=:))')
# A bus number may be letters only: af:00.0.
_ADDRESS = re.compile(r"[0-9a-f]{2,8}:[0-9a-f:.]*", re.ASCII | re.IGNORECASE)


def parse_query(text: str) -> Query:
    """Return the query that ``text`` spells, or raise ``BadQueryError``."""
    terms = []
    position = 0
    text = text.strip()
    while position < len(text):
        match = _WORD.match(text, position)
        if match is None:
            raise BadQueryError(f"cannot read {text[position:][:40]!r} in the filter")
        negated, name, value = match.groups()
        if value.startswith('"') and (len(value) < 2 or not value.endswith('"')):
            raise BadQueryError(f"the quote before {value[1:][:40]!r} is not closed")
        terms.append(_Term(bool(negated), _term(name, value.strip('"'), quoted=value.startswith('"'))))
        position = match.end()
    return Query(text, tuple(terms))


def _term(name: str | None, value: str, *, quoted: bool) -> Callable[[Host, Device], bool]:
    if name is None:
        flag = None if quoted else FLAGS.get(value)
        return flag if flag is not None else _anywhere(value)
    texts = FIELDS.get(name)
    if texts is None:
        if not quoted and _ADDRESS.fullmatch(f"{name}:{value}"):
            return _anywhere(f"{name}:{value}")
        raise BadQueryError(f"no field {name!r} in the filter{suggest(name, FIELDS)}; fields: {', '.join(FIELDS)}")
    patterns = [re.compile(translate(pattern), re.IGNORECASE) for pattern in value.split(",") if pattern]
    if not patterns:
        raise BadQueryError(f"{name}: needs a value, as in {name}:something")
    return lambda host, device: any(p.match(t) for t in texts(host, device) for p in patterns)


def _anywhere(value: str) -> Callable[[Host, Device], bool]:
    wanted = value.casefold()

    def found(host: Host, device: Device) -> bool:
        if wanted in f"{device.id} {device.driver} {device.name} {device.path or ''} {device.kind}".casefold():
            return True
        if wanted in describe_device(device).casefold() or wanted in device.parent:
            return True
        return any(wanted in f"{holder.name} {holder.pid} {holder.detail}".casefold() for holder in device.holders)

    return found


def suggest(word: str, known: Iterable[str]) -> str:
    """Return ``" (did you mean 'x'?)"`` for the nearest known word, or ""."""
    import difflib

    near = difflib.get_close_matches(word, list(known), 1)
    return f" (did you mean {near[0]!r}?)" if near else ""


def completions(text: str, values: Callable[[str], Iterable[str]] = lambda field: ()) -> list[str]:
    """Return what the last word of an unfinished query could become.

    ``values`` returns what a field says of the devices there are, as ``values_of`` does for a host.
    """
    word = text.rpartition(" ")[2].lstrip("!")
    name, colon, value = word.partition(":")
    if not colon or name not in FIELDS:
        return [choice for choice in (*FLAGS, *(f"{field}:" for field in FIELDS)) if choice.startswith(word) and word]
    before, comma, last = value.rpartition(",")
    begun = last.strip('"').casefold()
    found = (one for one in values(name) if one.casefold().startswith(begun) and '"' not in one)
    plain = [one if " " not in one else f'"{one}"' for one in found if not (comma and " " in one)]
    return [f"{name}:{before}{comma}{one}" for one in plain]


def values_of(host: Host, field: str) -> list[str]:
    """Return what a field says of the devices of a host, the most frequent first."""
    counts = Counter(text for device in host.devices.values() for text in FIELDS[field](host, device))
    return [text for text, _ in sorted(counts.items(), key=lambda one: (-one[1], one[0])) if text]


def narrow(projection: Projection, query: Query) -> Projection:
    """Return the projection with only the rows that match, and the rows above them."""
    if not query:
        return projection
    host = projection.host
    kept: set[str] = set()
    for key, row in projection.rows.items():
        if row.device is not None and query.matches(host, row.device):
            while key and key not in kept:
                kept.add(key)
                key = projection.parents.get(key, "")
    children = {
        parent: [key for key in keys if key in kept]
        for parent, keys in projection.children.items()
        if not parent or parent in kept
    }
    rows = {key: row for key, row in projection.rows.items() if key in kept}
    return Projection(
        projection.view,
        host,
        rows,
        {parent: keys for parent, keys in children.items() if keys},
        {key: parent for key, parent in projection.parents.items() if key in kept},
    )


def count_matches(projection: Projection, query: Query) -> int:
    """Return how many devices of a projection match."""
    return sum(
        row.device is not None and query.matches(projection.host, row.device) for row in projection.rows.values()
    )
