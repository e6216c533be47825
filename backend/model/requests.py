"""What can be asked for. Each request names the state to be reached, with ids that were parsed.

A default of None means "as it is": planning fills in what it found, so that the request that is kept leads to
the same state from wherever a crash leaves the host.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

from backend.model.ids import PciAddress


@dataclass(frozen=True, slots=True)
class SetNumVfs:
    """That a PF has ``count`` VFs."""

    verb: ClassVar[str] = "numvfs"

    pf: PciAddress
    count: int
    guests: bool = False
    """Whether the VFs shall be ready for guests: no host driver may have them in between."""
    autoprobe: bool | None = None
    """``sriov_drivers_autoprobe`` afterwards."""


Request = SetNumVfs

REQUESTS: dict[str, type[Request]] = {kind.verb: kind for kind in (SetNumVfs,)}
"""Every kind of request by its verb."""
