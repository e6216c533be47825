"""What a change of the host is, before and while it happens: plans, their conditions and steps, and events.

A request names a state to be reached, never a step. A plan is the way from the host as it is to that state:
planning the same request again after a part of it was done gives the rest. Undo is a request, too.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum
from typing import Any

from backend.model.text import clean

_MAX_PART = 1000
"""Characters of one part of a fingerprint's line."""


@dataclass(frozen=True, slots=True)
class Asked:
    """A request as plain data: what travels, and what the journal keeps."""

    verb: str
    """Name in ``backend.model.requests.REQUESTS``."""
    arguments: Mapping[str, Any]


class Danger(StrEnum):
    """How hard it is to take a change back."""

    REVERSIBLE = "reversible"
    """Undo brings everything back, and nobody notices."""
    DISRUPTIVE = "disruptive"
    """Somebody may notice, or settings are lost that undo does not bring back."""
    DESTRUCTIVE = "destructive"
    """The host itself, its disks, its network or the console hang on it. The full id must be typed."""


@dataclass(frozen=True, slots=True)
class Condition:
    """Something that must hold for a change to be made."""

    text: str
    """What must hold: ``nobody holds 0000:01:10.0``."""
    holds: bool
    found: str = ""
    """What was found instead: ``vm web-2 (pid 4242, by fdinfo)``; "" when it holds."""
    remedy: str = ""
    """What to do about it; "" when it holds."""

    @property
    def objection(self) -> str:
        """What stands in the way, as it is told everywhere; "" when it holds."""
        return "" if self.holds else f"it must be that {self.text}; found: {self.found or 'it is not so'}"


@dataclass(frozen=True, slots=True)
class Step:
    """One exact change, as it is shown and kept."""

    text: str
    """What it does, in the imperative: ``remove the 4 VFs``."""
    where: str
    """The file, or the call and what it is made on: ``netlink ens3f0 vf 3``."""
    old: str
    """Value before; "" when there is none or it cannot be read."""
    new: str
    """Value after."""
    shell: str
    """The equivalent command, for a root shell."""
    expected: str
    """What is read back to know that it was done: ``0000:01:00.0 has 4 VFs``."""


@dataclass(frozen=True, slots=True)
class Plan:
    """The way to the state that was asked for."""

    asked: tuple[Asked, ...]
    """The requests with every default filled in: planned again, they lead to the same state from anywhere."""
    title: str
    """One line: ``4 VFs on 0000:01:00.0 (ens1f0), which has none``."""
    devices: tuple[str, ...]
    """Ids of the devices that it touches: PCI addresses, UUIDs, names of mdev parents."""
    conditions: tuple[Condition, ...]
    steps: tuple[Step, ...]
    """Empty when the host is in that state already."""
    consequences: tuple[str, ...]
    """What else happens: who is disturbed, what is lost, how long it takes. One sentence each."""
    undo: tuple[Asked, ...]
    """Requests that lead back, in order."""
    no_undo: str
    """What undo does not bring back, or why there is none; "" when it brings back everything."""
    danger: Danger
    must_type: str
    """What has to be typed to run it: the id of a protected device; "" for most plans."""
    unseen: bool
    """Whether this was only ever seen on the simulated host, never on a real kernel."""

    @property
    def broken(self) -> tuple[Condition, ...]:
        """The conditions that do not hold."""
        return tuple(condition for condition in self.conditions if not condition.holds)

    @property
    def ready(self) -> bool:
        """Whether every condition holds."""
        return not self.broken

    @property
    def objections(self) -> str:
        """Everything that stands in the way, in one line; "" when nothing does."""
        return "; ".join(condition.objection for condition in self.broken)

    @property
    def remedies(self) -> str:
        """What to do about it, each thing once; "" when nothing stands in the way, or nobody knows."""
        return "; ".join(dict.fromkeys(condition.remedy for condition in self.broken if condition.remedy))

    @property
    def fingerprint(self) -> tuple[str, ...]:
        """What must be the same when it is confirmed as it was when it was looked at, one line each.

        A plan that has travelled has the same one: its texts were made harmless on the way.
        """
        return (
            *(f"{_part(c.text)}: {'holds' if c.holds else _part(c.found) or 'does not hold'}" for c in self.conditions),
            *(f"{_part(s.where)}: {_part(s.old) or 'none'} → {_part(s.new) or 'none'}" for s in self.steps),
            *((f"type {self.must_type}",) if self.must_type else ()),
        )


def _part(text: str) -> str:
    return clean(text, _MAX_PART)


class RunState(StrEnum):
    """What an event of a running plan says."""

    STARTED = "started"
    """A step begins."""
    PROGRESS = "progress"
    """A step tells how far it is: ``done`` of ``total``."""
    WAITING = "waiting"
    """A step has not come back from the kernel: ``pid``, ``wchan`` and ``waited`` say where it is."""
    STEP_DONE = "step done"
    """A step was done, and read back."""
    DONE = "done"
    """The end: everything was done."""
    ABORTED = "aborted"
    """The end: nothing, or nothing more, was done, because the world had changed or somebody cancelled."""
    FAILED = "failed"
    """The end: a step failed; those before it were done."""
    STUCK = "stuck"
    """The end of our attention: a step still waits in the kernel, and goes on there."""


ENDS = frozenset({RunState.DONE, RunState.ABORTED, RunState.FAILED, RunState.STUCK})


@dataclass(frozen=True, slots=True)
class RunEvent:
    """One event of a running plan. The last one is in ``ENDS``."""

    state: RunState
    step: int = -1
    """Index of the step, from 0; -1 where it is about none."""
    text: str = ""
    """One sentence: what was found, what went wrong, who must let go."""
    remedy: str = ""
    """What to do now."""
    done: int = 0
    total: int = 0
    pid: int = 0
    wchan: str = ""
    waited: float = 0.0
    """Seconds."""
    operation: int = 0
    """Number in the journal."""
