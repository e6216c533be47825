"""Sessions on simulated hosts whose time stands still: the same picture every time."""

from __future__ import annotations

from time import monotonic

from backend.model.device import Device
from backend.state.closer import CloserLook, look_closer
from backend.state.guarded import GuardedFact, read_guarded_facts
from tests.pictures import picture, simulated
from tests.tui.builders import FakeLive
from tui.writing import opener_for


class PictureLive(FakeLive):
    """One picture of a simulated host, and what its devices tell under their locks."""

    def __init__(self, spec: str, *, privileged: bool = True) -> None:
        self.doors, _ = simulated(spec, privileged=privileged)
        super().__init__(picture(self.doors))
        self.status.last_update = monotonic() + 1e6
        self.opener = opener_for(self.doors)

    async def guarded_facts(self, device: Device) -> tuple[GuardedFact, ...]:
        """Ask the simulated device."""
        return await read_guarded_facts(self.doors, device)

    async def closer_look(self, device: Device) -> CloserLook:
        """Read the simulated device."""
        return look_closer(self.doors, device)
