"""The journal of operations: what the runner tells it, and one in memory for hosts that are not real."""

from __future__ import annotations

import contextlib
from abc import ABC, abstractmethod
from collections.abc import Iterator, Sequence
from typing import Protocol
from weakref import WeakKeyDictionary

from backend.host.doors import Clock, HostDoors
from backend.model.operation import Entry, Left, Who
from backend.model.plan import Plan, RunState
from backend.ops.ledger import Begin, Done, End, Intent, Ledger, Record, Waiting


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


class RecordingJournal(ABC):
    """The part that all journals share: what they are told becomes records, and a ledger sums them up."""

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._ledger = Ledger()

    @abstractmethod
    def _keep(self, record: Record) -> None:
        """Keep a record for good, and give it to the ledger. Raises ``JournalUnwritable``."""

    def begin(self, plan: Plan, who: Who, boot_id: str, undoes: int | None = None) -> int:
        """Begin an operation."""
        number = self._ledger.last + 1
        self._keep(Begin(number, self._clock.time(), boot_id, who, plan, undoes))
        return number

    def intent(self, operation: int, step: int) -> None:
        """Begin a step."""
        self._keep(Intent(operation, self._clock.time(), step))

    def waiting(self, operation: int, left: Left) -> None:
        """Keep who waits."""
        self._keep(Waiting(operation, self._clock.time(), left))

    def done(self, operation: int, step: int, found: str) -> None:
        """End a step."""
        self._keep(Done(operation, self._clock.time(), step, found))

    def end(self, operation: int, state: RunState, text: str) -> None:
        """End an operation."""
        self._keep(End(operation, self._clock.time(), state, text))


class MemoryJournal(RecordingJournal):
    """A journal that ends with the session: for simulated hosts, and tests."""

    @contextlib.contextmanager
    def exclusive(self) -> Iterator[None]:
        """Nobody else is there."""
        yield

    def _keep(self, record: Record) -> None:
        self._ledger.take(record)

    def entries(self) -> list[Entry]:
        """Return all operations, the oldest first."""
        return self._ledger.entries()

    def damage(self) -> Sequence[str]:
        """Nothing can damage it."""
        return ()


_simulated: WeakKeyDictionary[HostDoors, MemoryJournal] = WeakKeyDictionary()
"""What was done to simulated hosts; it lasts as long as they."""


def simulated_journal(doors: HostDoors) -> MemoryJournal:
    """Return the journal of a simulated host."""
    return _simulated.setdefault(doors, MemoryJournal(doors.clock))
