"""Kernel events as they happen."""

from __future__ import annotations

from collections.abc import AsyncIterator, Mapping
from dataclasses import dataclass, field
from typing import Protocol


@dataclass(frozen=True, slots=True)
class Uevent:
    """One kernel uevent (``Documentation/core-api/kobject.rst``)."""

    action: str
    """add, remove, change, move, online, offline, bind or unbind."""
    devpath: str
    """Path below /sys, beginning with /devices/."""
    subsystem: str = ""
    properties: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Overflow:
    """Events were lost: only a rescan tells the truth."""


Event = Uevent | Overflow


class Events(Protocol):
    """Kernel events as they happen."""

    def stream(self) -> AsyncIterator[Event]:
        """Yield events for ever. Losing some yields ``Overflow`` and the stream goes on.

        Raises ``OSError`` when this host offers no events at all (a foreign tree, a sandbox).
        """
        ...
