"""What the journal keeps of a change: who asked for what, what was done of it, how it ended."""

from __future__ import annotations

from dataclasses import dataclass

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
