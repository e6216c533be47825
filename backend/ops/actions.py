"""The things that a step can do to a host. Each acts through the doors and raises ``OSError`` as the kernel does.

The list is closed: nothing else is ever done to a host by an operation.
"""

from __future__ import annotations

from dataclasses import dataclass

from backend.host.doors import HostDoors

PATIENCE = 30.0
"""Seconds after which a write that has not come back is said to be stuck. It goes on all the same."""


@dataclass(frozen=True, slots=True)
class WriteFile:
    """One write(2) to a file of the kernel."""

    path: str
    """Built from ids that were listed, never from what a user typed."""
    value: str
    """Without the newline that ``echo`` adds."""
    patience: float = PATIENCE

    async def act(self, doors: HostDoors) -> None:
        """Write. Raises ``OSError``; ``StillWaiting`` when the kernel has not come back after ``patience``."""
        await doors.guarded.write(self.path, self.value.encode() + b"\n", deadline=self.patience)

    @property
    def place(self) -> str:
        """What ``Guarded.waiting`` calls it while it goes on."""
        return self.path


Action = WriteFile
