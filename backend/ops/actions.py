"""The things that a step can do to a host. Each acts through the doors and raises ``OSError`` as the kernel does.

The list is closed: nothing else is ever done to a host by an operation.
"""

from __future__ import annotations

from dataclasses import dataclass

from backend.host.doors import HostDoors, devlink_place, vf_place
from backend.model.links import EswitchMode, PortSetting, PortSettingName, VfSetting, VfSettingName

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


@dataclass(frozen=True, slots=True)
class SetVf:
    """One thing of one VF, set through the interface of its PF."""

    interface: str
    pf: str
    """The device that the interface must belong to."""
    vf: int
    name: VfSettingName
    value: VfSetting
    patience: float = PATIENCE

    async def act(self, doors: HostDoors) -> None:
        """Set it. Raises as ``WriteFile`` does."""
        await doors.links.set_vf(self.interface, self.pf, self.vf, self.name, self.value, deadline=self.patience)

    @property
    def place(self) -> str:
        """What ``Links.waiting`` calls it while it goes on."""
        return vf_place(self.interface, self.vf, self.name)


@dataclass(frozen=True, slots=True)
class SetPortFunction:
    """One thing of the function behind a devlink port."""

    device: str
    port: int
    name: PortSettingName
    value: PortSetting
    patience: float = PATIENCE

    async def act(self, doors: HostDoors) -> None:
        """Set it. Raises as ``WriteFile`` does."""
        await doors.links.set_port(self.device, self.port, self.name, self.value, deadline=self.patience)

    @property
    def place(self) -> str:
        """What ``Links.waiting`` calls it while it goes on."""
        return devlink_place(f"{self.device}/{self.port}", self.name)


@dataclass(frozen=True, slots=True)
class SetEswitchMode:
    """The mode of an embedded switch."""

    device: str
    mode: EswitchMode
    patience: float = PATIENCE

    async def act(self, doors: HostDoors) -> None:
        """Set it. Raises as ``WriteFile`` does."""
        await doors.links.set_eswitch(self.device, self.mode, deadline=self.patience)

    @property
    def place(self) -> str:
        """What ``Links.waiting`` calls it while it goes on."""
        return devlink_place(self.device, "mode")


Action = WriteFile | SetVf | SetPortFunction | SetEswitchMode
