"""What is known about a field, and how.

Records hold plain values. A field whose value is not simply known has a note beside it, in the record's
``notes``; ``fact`` puts both together.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum
from types import MappingProxyType
from typing import Any, Final, Protocol


class FactState(StrEnum):
    """How far a fact can be trusted."""

    KNOWN = "known"
    UNKNOWN = "unknown"
    """It could not be read, or nobody asked."""
    HIDDEN = "hidden"
    """It exists, but this user may not see it."""
    UNSUPPORTED = "unsupported"
    """This kernel, driver or device does not have it."""
    STALE = "stale"
    """The value is an old one: the last reading failed or did not return."""


@dataclass(frozen=True, slots=True)
class Note:
    """Why a field is not simply known."""

    state: FactState
    reason: str
    """One sentence: what was tried, and what would tell."""
    since: float | None = None
    """Seconds since the epoch at which a stale value was read."""


@dataclass(frozen=True, slots=True)
class Fact:
    """A field with everything that is known about it."""

    value: Any
    state: FactState
    source: str
    """The kernel file, link or command that it comes from; "" where it is derived."""
    reason: str = ""
    since: float | None = None


Notes = Mapping[str, Note]
NO_NOTES: Final[Notes] = {}
"""The notes of a record whose fields are all simply known; shared by most records, written by none."""


def no_notes() -> Notes:
    """Return ``NO_NOTES``: the default factory of a record's ``notes``."""
    return NO_NOTES


class Record(Protocol):
    """A record with notes about its fields."""

    @property
    def notes(self) -> Notes:
        """Why some of its fields are not simply known, by field."""
        ...


def fact(record: Record, field: str, sources: Mapping[str, str] = MappingProxyType({})) -> Fact:
    """Return everything known about ``field`` of ``record``.

    A value of None without a note means that the thing does not apply, or was not read: unknown.
    """
    value = getattr(record, field)
    note = record.notes.get(field)
    source = sources.get(field, "")
    if note is not None:
        return Fact(value, note.state, source, note.reason, note.since)
    return Fact(value, FactState.UNKNOWN if value is None else FactState.KNOWN, source)
