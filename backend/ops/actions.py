"""The things that a step can do to a host. Each acts through the doors and raises ``OSError`` as the host does.

The list is closed: nothing else is ever done to a host by an operation.
"""

from __future__ import annotations

import os
import uuid
from dataclasses import dataclass

from backend.host.doors import HostDoors, devlink_place, state_place, vf_place
from backend.model.devstate import About
from backend.model.links import EswitchMode, PortSetting, PortSettingName, VfSetting, VfSettingName
from backend.ops.plug_again import PlugAgain

_DEVICES = "/sys/bus/pci/devices"
_PROBE = "/sys/bus/pci/drivers_probe"

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
        """What it acts on, as ``Guarded.waiting`` calls it while it goes on."""
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


@dataclass(frozen=True, slots=True)
class LoadModule:
    """One modprobe(8); what the configuration blacklists is not loaded."""

    module: str
    """A name that a file of the kernel's named, or a driver's that was parsed."""
    patience: float = PATIENCE

    async def act(self, doors: HostDoors) -> None:
        """Load it. Raises as ``WriteFile`` does."""
        await doors.guarded.load_module(self.module, deadline=self.patience)

    @property
    def place(self) -> str:
        """What it acts on, as ``Guarded.waiting`` calls it while it goes on."""
        return f"module {self.module}"


@dataclass(frozen=True, slots=True)
class BindVfs:
    """The VFs of a PF put on a driver by override and probe. Which they are is known when there are any."""

    pf: str
    driver: str
    patience: float = PATIENCE
    """For each write."""

    async def act(self, doors: HostDoors) -> None:
        """Bind those that are not bound yet. Raises as ``WriteFile`` does."""
        folder = f"{_DEVICES}/{self.pf}"
        links = [name for name in doors.files.list(folder) if name.startswith("virtfn")]
        for link in sorted(links, key=lambda name: int(name.removeprefix("virtfn"))):
            vf = os.path.basename(doors.files.readlink(f"{folder}/{link}"))
            if "driver" in doors.files.list(f"{_DEVICES}/{vf}"):
                continue
            await WriteFile(f"{_DEVICES}/{vf}/driver_override", self.driver, self.patience).act(doors)
            await WriteFile(_PROBE, vf, self.patience).act(doors)

    @property
    def place(self) -> str:
        """Where most of its time goes."""
        return _PROBE


@dataclass(frozen=True, slots=True)
class SaveFile:
    """A settings file outside /sys made or replaced as a whole."""

    path: str
    text: str
    mode: int = 0o644
    patience: float = PATIENCE

    async def act(self, doors: HostDoors) -> None:
        """Save it. Raises as ``WriteFile`` does."""
        await doors.guarded.save(self.path, self.text.encode(), mode=self.mode, deadline=self.patience)

    @property
    def place(self) -> str:
        """What it acts on, as ``Guarded.waiting`` calls it while it goes on."""
        return self.path


@dataclass(frozen=True, slots=True)
class DeleteFile:
    """A settings file outside /sys removed."""

    path: str
    patience: float = PATIENCE

    async def act(self, doors: HostDoors) -> None:
        """Remove it. Raises as ``WriteFile`` does."""
        await doors.guarded.delete(self.path, deadline=self.patience)

    @property
    def place(self) -> str:
        """What it acts on, as ``Guarded.waiting`` calls it while it goes on."""
        return self.path


@dataclass(frozen=True, slots=True)
class EnableUnit:
    """A unit of ours that systemd starts at boot, or no more."""

    unit: str
    on: bool
    patience: float = PATIENCE

    async def act(self, doors: HostDoors) -> None:
        """Enable or disable it. Raises as ``WriteFile`` does."""
        await doors.guarded.enable_unit(self.unit, self.on, deadline=self.patience)

    @property
    def place(self) -> str:
        """What it acts on, as ``Guarded.waiting`` calls it while it goes on."""
        return f"unit {self.unit}"


@dataclass(frozen=True, slots=True)
class GiveVfToken:
    """A PF on vfio-pci given the VF token that is kept for it. A new one is made up here: no plan ever shows it."""

    pf: str
    path: str
    """The file that has it, or will."""
    patience: float = PATIENCE

    async def act(self, doors: HostDoors) -> None:
        """Keep it, then give it. Raises as ``WriteFile`` does."""
        try:
            token = doors.files.read(self.path, 64).decode("ascii", "replace").strip()
        except FileNotFoundError:
            token = str(uuid.uuid4())
            await doors.guarded.save(self.path, f"{token}\n".encode(), mode=0o600, deadline=self.patience)
        await doors.guarded.set_vf_token(self.pf, token, deadline=self.patience)

    @property
    def place(self) -> str:
        """What it acts on, as ``Guarded.waiting`` calls it while it goes on."""
        return f"VF token of {self.pf}"


@dataclass(frozen=True, slots=True)
class SaveDeviceState:
    """The state of an mdev saved to a new file."""

    path: str
    about: About
    patience: float = 60.0

    async def act(self, doors: HostDoors) -> None:
        """Save it. Raises as ``WriteFile`` does."""
        await doors.guarded.save_state(self.path, self.about, deadline=self.patience)

    @property
    def place(self) -> str:
        """What it acts on, as ``Guarded.waiting`` calls it while it goes on."""
        return state_place(self.about.device)


@dataclass(frozen=True, slots=True)
class RestoreDeviceState:
    """An mdev given the state of a file."""

    path: str
    about: About
    """What the file says of itself: another one is not taken."""
    device: str
    patience: float = 60.0

    async def act(self, doors: HostDoors) -> None:
        """Give it. Raises as ``WriteFile`` does."""
        await doors.guarded.restore_state(self.path, self.about, self.device, deadline=self.patience)

    @property
    def place(self) -> str:
        """What it acts on, as ``Guarded.waiting`` calls it while it goes on."""
        return state_place(self.device)


Action = (
    WriteFile
    | SetVf
    | SetPortFunction
    | SetEswitchMode
    | LoadModule
    | BindVfs
    | SaveFile
    | DeleteFile
    | EnableUnit
    | GiveVfToken
    | SaveDeviceState
    | RestoreDeviceState
    | PlugAgain
)


def waits_at(action: Action, place: str) -> bool:
    """Return whether what waits at a place, as ``Guarded.waiting`` calls it, is this action."""
    if isinstance(action, BindVfs) and place.startswith(f"{_DEVICES}/"):
        return place.endswith("/driver_override")
    return place == action.place
