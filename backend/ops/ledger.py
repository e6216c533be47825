"""The records of a journal, and the operations that they add up to."""

from __future__ import annotations

from dataclasses import replace

import msgspec

from backend.model.operation import Entry, Left, StepRecord, Who
from backend.model.plan import Plan, RunState


class Begin(msgspec.Struct, frozen=True, tag="begin", tag_field="kind"):
    """An operation begins: who, what, and on which boot of the host."""

    operation: int
    at: float
    """Seconds since the epoch, here and below."""
    boot_id: str
    who: Who
    plan: Plan
    undoes: int | None = None


class Intent(msgspec.Struct, frozen=True, tag="intent", tag_field="kind"):
    """A step is about to be made."""

    operation: int
    at: float
    step: int


class Waiting(msgspec.Struct, frozen=True, tag="waiting", tag_field="kind"):
    """A step does not come back from the kernel."""

    operation: int
    at: float
    left: Left


class Done(msgspec.Struct, frozen=True, tag="done", tag_field="kind"):
    """A step was made and read back."""

    operation: int
    at: float
    step: int
    found: str


class End(msgspec.Struct, frozen=True, tag="end", tag_field="kind"):
    """An operation ended."""

    operation: int
    at: float
    state: RunState
    text: str


Record = Begin | Intent | Waiting | Done | End


class BadRecord(ValueError):
    """A record that belongs to nothing."""


class Ledger:
    """Operations as far as the records tell them."""

    def __init__(self) -> None:
        self._entries: dict[int, Entry] = {}
        self.last = 0
        """The highest number that any record named."""

    def take(self, record: Record) -> None:
        """Add a record. Raises ``BadRecord`` for one whose operation did not begin, or began twice."""
        number = record.operation
        self.last = max(self.last, number)
        if isinstance(record, Begin):
            if number in self._entries:
                raise BadRecord(f"operation {number} begins a second time")
            self._entries[number] = Entry(
                number, record.boot_id, record.at, record.who, record.plan, (), None, "", 0.0, record.undoes
            )
            return
        entry = self._entries.get(number)
        if entry is None:
            raise BadRecord(f"the beginning of operation {number} is missing")
        self._entries[number] = _with(entry, record)

    def entries(self) -> list[Entry]:
        """Return all operations by number."""
        return [self._entries[number] for number in sorted(self._entries)]


def _with(entry: Entry, record: Intent | Waiting | Done | End) -> Entry:
    match record:
        case Intent():
            return replace(entry, steps=(*entry.steps, StepRecord(record.step, record.at, None)))
        case Waiting():
            return replace(entry, left=record.left)
        case Done():
            steps = tuple(replace(one, found=record.found) if one.step == record.step else one for one in entry.steps)
            return replace(entry, steps=steps)
        case End():
            return replace(entry, ended=record.state, text=record.text, duration=max(0.0, record.at - entry.began))
