"""Thresholds: what the operator wants to hear of, and what has gone beyond one."""

from __future__ import annotations

from dataclasses import dataclass

from backend.model.severity import Severity


@dataclass(frozen=True, slots=True)
class Threshold:
    """A limit of a counter."""

    name: str
    counter: str
    """A measure (``drops``), or a set and a counter of it (``hwmon.temp1_input``)."""
    limit: float
    """In steps of the counter a second; of a level, in its steps."""
    above: bool
    """Whether more than the limit is too much; otherwise less is too little."""
    clear: float
    """Where it is well again: on the good side of the limit, so that a value around it does not come and go."""
    seconds: float
    """How long it must be beyond the limit before it is told, and well before it is told no more."""
    severity: Severity


@dataclass(frozen=True, slots=True)
class Alarm:
    """A threshold that something is beyond."""

    threshold: Threshold
    subject: str
    """A device id, ``pid:4242``, or ``host``."""
    what: str
    """What is counted, and where of several: "dropped on receipt ens3f0"."""
    value: str
    """As it was when it was told first."""
    limit: str
    clear: str
    source: str
