"""The journal of operations: what the runner tells it, and one in memory for hosts that are not real."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator, Sequence
from dataclasses import replace
from typing import Protocol

from backend.host.doors import Clock
from backend.model.operation import Entry, Left, StepRecord, Who
from backend.model.plan import Plan, RunState


class Journal(Protocol):
    """Where every change is written down before and after it is made.

    Every method that writes raises ``JournalUnwritable`` when that failed: then nothing may be changed.
    """

    def exclusive(self) -> contextlib.AbstractContextManager[None]:
        """Hold the lock of all who change this host. Raises ``Busy`` when somebody else has it."""
        ...

    def begin(self, plan: Plan, who: Who, boot_id: str, undoes: int | None = None) -> int:
        """Write down a plan before its first step; return the operation's number."""
        ...

    def intent(self, operation: int, step: int) -> None:
        """Write down that a step is about to be made."""
        ...

    def waiting(self, operation: int, left: Left) -> None:
        """Write down that a step does not come back from the kernel, and which process waits."""
        ...

    def done(self, operation: int, step: int, found: str) -> None:
        """Write down that a step was made, and what was read back."""
        ...

    def end(self, operation: int, state: RunState, text: str) -> None:
        """Write down how it ended."""
        ...

    def entries(self) -> list[Entry]:
        """Return all operations, the oldest first. Raises ``JournalUnreadable``."""
        ...

    def damage(self) -> Sequence[str]:
        """Return what is wrong with the journal itself, one sentence each. Raises ``JournalUnreadable``."""
        ...


class MemoryJournal:
    """A journal that ends with the session: for simulated hosts, and tests."""

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._entries: list[Entry] = []

    @contextlib.contextmanager
    def exclusive(self) -> Iterator[None]:
        """Nobody else is there."""
        yield

    def begin(self, plan: Plan, who: Who, boot_id: str, undoes: int | None = None) -> int:
        """Begin an operation."""
        number = len(self._entries) + 1
        self._entries.append(Entry(number, boot_id, self._clock.time(), who, plan, (), None, "", 0.0, undoes))
        return number

    def intent(self, operation: int, step: int) -> None:
        """Begin a step."""
        entry = self._entries[operation - 1]
        record = StepRecord(step, self._clock.time(), None)
        self._entries[operation - 1] = replace(entry, steps=(*entry.steps, record))

    def waiting(self, operation: int, left: Left) -> None:
        """Keep who waits."""
        self._entries[operation - 1] = replace(self._entries[operation - 1], left=left)

    def done(self, operation: int, step: int, found: str) -> None:
        """End a step."""
        entry = self._entries[operation - 1]
        steps = tuple(replace(record, found=found) if record.step == step else record for record in entry.steps)
        self._entries[operation - 1] = replace(entry, steps=steps)

    def end(self, operation: int, state: RunState, text: str) -> None:
        """End an operation."""
        entry = self._entries[operation - 1]
        duration = self._clock.time() - entry.began
        self._entries[operation - 1] = replace(entry, ended=state, text=text, duration=duration)

    def entries(self) -> list[Entry]:
        """Return all operations, the oldest first."""
        return list(self._entries)

    def damage(self) -> Sequence[str]:
        """Nothing can damage it."""
        return ()
