"""The filter: one small language for the screen and the command line.

A query is words, all of which must hold. ``driver:vfio*`` looks at one field (with ``*`` and ``?``, and
several patterns between commas; ``-`` is none), ``free`` or ``vf`` is a flag, also written ``free:yes`` or
``free:no``, any other word is looked for in everything that a row shows. ``!`` before a word turns it round,
quotes keep blanks: ``driver:vfio* numa:1 !free "web 2"``.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable
from dataclasses import dataclass, replace
from fnmatch import translate

from backend.model.device import Device
from backend.model.host import Host
from backend.present.columns import describe_device
from backend.present.fields import ALL_FLAGS, DASHES, FAULTY, FIELDS, FLAGS, NONE, Faulty, Flag, words_of
from backend.present.tree import Projection, Row


class BadQueryError(ValueError):
    """A query that means nothing. The message says which word, and what was probably meant."""


class UnfinishedQueryError(BadQueryError):
    """A query that means nothing yet: a value or a quote is still to come."""


@dataclass(frozen=True, slots=True)
class _Term:
    matches: Flag
    names: Callable[[Host, Row], bool] | None = None
    """Whether it means a row by its name, device or not; None where it looks at devices only."""
    faulty: Faulty | None = None
    negated: bool = False

    def finds(self, host: Host, row: Row) -> bool:
        named = self.names is not None and self.names(host, row)
        if row.device is None:
            return named and not self.negated
        return (named or self.matches(host, row.device)) != self.negated


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

    def finds(self, host: Host, row: Row) -> bool:
        """Return whether a row satisfies every word. One that is no device is found by its name, or by a finding."""
        return all(term.finds(host, row) for term in self.terms)

    def moved(self, old: Host, new: Host) -> bool:
        """Return whether it may find other rows now, though no device is another."""
        faulty = (term.faulty for term in self.terms if term.faulty is not None)
        return any(one.names(old) != one.names(new) for one in faulty)

    @property
    def of_findings(self) -> bool:
        """Whether it asks what the findings name."""
        return any(term.faulty is not None for term in self.terms)


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
            raise UnfinishedQueryError(f"the quote before {value[1:][:40]!r} is not closed")
        term = _term(name, value.strip('"'), quoted=value.startswith('"'))
        terms.append(replace(term, negated=bool(negated)))
        position = match.end()
    return Query(text, tuple(terms))


def _term(name: str | None, value: str, *, quoted: bool) -> _Term:
    if name is None:
        if quoted or value not in ALL_FLAGS:
            return _anywhere(value)
        return _flag(value)
    if name in ALL_FLAGS:
        return _answer(name, value)
    texts = FIELDS.get(name)
    if texts is None:
        if not quoted and _ADDRESS.fullmatch(f"{name}:{value}"):
            return _anywhere(f"{name}:{value}")
        meant = suggest(name, (*FIELDS, *ALL_FLAGS)).strip(" ()")
        raise BadQueryError(f"no field {name!r}{f': {meant}' if meant else ';'} fields: {', '.join(FIELDS)}")
    wanted = [NONE if pattern in DASHES else pattern for pattern in value.split(",") if pattern]
    if not wanted:
        raise UnfinishedQueryError(f"{name}: needs a value, as in {name}:something")
    patterns = [re.compile(translate(pattern), re.IGNORECASE) for pattern in wanted]

    def matches(host: Host, device: Device) -> bool:
        return any(p.match(t) for t in texts(host, device) for p in patterns)

    return _Term(matches, lambda host, row: any(p.match(row.key) for p in patterns) if name == "id" else False)


def _flag(word: str) -> _Term:
    if word != FAULTY:
        return _Term(FLAGS[word])
    faulty = Faulty()
    return _Term(
        lambda host, device: str(device.id) in faulty.names(host),
        lambda host, row: row.key in faulty.names(host),
        faulty,
    )


def _answer(name: str, value: str) -> _Term:
    """Return what ``viable:no`` means: the flag, or the other way round."""
    answer = value.casefold()
    if not answer:
        raise UnfinishedQueryError(f"{name}: needs yes or no")
    if answer not in ("yes", "no"):
        raise BadQueryError(f"{name}: is yes or no, not {value[:40]!r}")
    term = _flag(name)
    if answer == "yes":
        return term
    return _Term(lambda host, device: not term.matches(host, device), faulty=term.faulty)


def _anywhere(value: str) -> _Term:
    wanted = value.casefold()

    def found(host: Host, device: Device) -> bool:
        if wanted in f"{device.id} {device.driver} {device.name} {device.path or ''} {device.kind}".casefold():
            return True
        if wanted in describe_device(device).casefold() or wanted in device.parent:
            return True
        return any(wanted in f"{holder.name} {holder.pid} {holder.detail}".casefold() for holder in device.holders)

    return _Term(found, lambda host, row: row.device is None and wanted in words_of(row).casefold())


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
    if colon and name in ALL_FLAGS:
        return [f"{name}:{answer}" for answer in ("yes", "no") if answer.startswith(value)]
    if not colon or name not in FIELDS:
        return [
            choice for choice in (*ALL_FLAGS, *(f"{field}:" for field in FIELDS)) if choice.startswith(word) and word
        ]
    before, comma, last = value.rpartition(",")
    begun = last.strip('"').casefold()
    found = (one for one in values(name) if one.casefold().startswith(begun) and '"' not in one)
    plain = [one if " " not in one else f'"{one}"' for one in found if not (comma and " " in one)]
    return [f"{name}:{before}{comma}{one}" for one in plain]


def narrow(projection: Projection, query: Query) -> Projection:
    """Return the projection with only the rows that match, and the rows above them.

    What is below a row that is found by its name and is no device comes with it: a group's members, what a VM holds.
    """
    if not query:
        return projection
    host = projection.host
    kept: set[str] = set()
    matches: set[str] = set()
    for key, row in projection.rows.items():
        if query.finds(host, row):
            matches.add(key)
            if row.device is None and not query.of_findings:
                kept.update(_below(projection, key))
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
        frozenset(matches),
    )


def _below(projection: Projection, key: str) -> Iterable[str]:
    for child in projection.children.get(key, ()):
        yield child
        yield from _below(projection, child)
