"""What changed on each device since the screen was opened."""

from __future__ import annotations

import time
from collections import deque
from collections.abc import Iterator
from dataclasses import dataclass

from backend.model.delta import Changes, Delta
from backend.model.device import Device
from backend.model.ids import DeviceId
from backend.report.changes import device_changes

MOST_RECORDS = 20_000
MOST_STEPS = 2_000


@dataclass(frozen=True, slots=True)
class Event:
    """One change of one device."""

    clock: str
    """Local time, ``HH:MM:SS``."""
    what: str
    """The field, or ``came`` or ``gone``."""
    before: str = ""
    after: str = ""


class History:
    """Remembers steps as they come, and puts them into words only for the device that somebody looks at."""

    def __init__(self) -> None:
        self._steps: deque[tuple[float, Changes[DeviceId, Device]]] = deque()
        self._records = 0

    def take(self, delta: Delta) -> None:
        """Remember a step. The first, from nothing to the host as it was found, is no change."""
        if not delta.devices or not delta.old.devices:
            return
        self._steps.append((delta.new.taken_at, delta.devices))
        self._records += _size(delta.devices)
        while len(self._steps) > 1 and (self._records > MOST_RECORDS or len(self._steps) > MOST_STEPS):
            self._records -= _size(self._steps.popleft()[1])

    def of(self, device: DeviceId) -> Iterator[Event]:
        """Yield what changed on a device, the newest first."""
        for taken_at, changes in reversed(self._steps):
            clock = time.strftime("%H:%M:%S", time.localtime(taken_at))
            if device in changes.changed:
                for field, before, after in device_changes(*changes.changed[device]):
                    yield Event(clock, field, before, after)
            elif device in changes.added:
                yield Event(clock, "came")
            elif device in changes.removed:
                yield Event(clock, "gone")


def _size(changes: Changes[DeviceId, Device]) -> int:
    return len(changes.added) + len(changes.removed) + len(changes.changed)
