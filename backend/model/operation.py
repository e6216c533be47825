"""What the journal keeps of a change: who asked for what, what was done of it, how it ended."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum

from backend.model.plan import Plan, RunState


@dataclass(frozen=True, slots=True)
class Who:
    """Who asked for a change."""

    uid: int
    """Effective user id of the process that made it."""
    login_uid: int | None
    """The user id of the login (/proc/self/loginuid), which sudo does not change; None where there is none."""
    user: str
    sudo_user: str
    ssh_client: str
    """Address and port of the SSH client; "" for a local session."""
    terminal: str


@dataclass(frozen=True, slots=True)
class StepRecord:
    """What is known of one step."""

    step: int
    began: float
    """Seconds since the epoch."""
    found: str | None
    """What was read back; None while it was never said to be done."""


@dataclass(frozen=True, slots=True)
class Left:
    """A step that did not come back from the kernel, and the process that waits for it."""

    step: int
    pid: int
    started: int
    """When that process began, in clock ticks since boot (/proc/PID/stat, field 22); 0 where nobody can tell."""


@dataclass(frozen=True, slots=True)
class Entry:
    """One operation in the journal."""

    operation: int
    """Its number, from 1."""
    boot_id: str
    began: float
    """Seconds since the epoch."""
    who: Who
    plan: Plan
    steps: tuple[StepRecord, ...]
    ended: RunState | None
    """How it ended; None while it goes on, or when a crash ended it."""
    text: str
    """What was said at its end."""
    duration: float
    """Seconds until its end; 0 while it has none."""
    undoes: int | None = None
    """The operation that this one takes back."""
    left: Left | None = None
    """The last step that was seen to wait in the kernel."""

    @property
    def unfinished(self) -> bool:
        """Whether it is not known how the host stands: it never ended, or a step of it was left in the kernel."""
        return self.ended in (None, RunState.STUCK)


class Standing(StrEnum):
    """How an operation stands that had not ended."""

    CLOSED = "closed"
    """The host was found as it was asked for, or as it was before: the entry was closed."""
    WAITING = "waiting"
    """A step of it still waits in the kernel."""
    OPEN = "open"
    """It can be finished, taken back, or both."""
    UNDECIDED = "undecided"
    """Neither is possible now."""


@dataclass(frozen=True, slots=True)
class Unfinished:
    """What recovery found of one operation that had not ended."""

    entry: Entry
    standing: Standing
    text: str
    """One sentence: how the host stands."""
    remedy: str
    """What to do, or to type; "" when nothing."""
    finish: Plan | None = None
    """The rest of the way to what was asked for; None where it cannot be planned."""
    rollback: Plan | None = None
    """The way back; None where it cannot be planned."""
    by_hand: tuple[str, ...] = ()
    """Commands for a root shell that would finish it, where nothing can be offered."""
