"""The network side of the real host, and of hosts that have none."""

from __future__ import annotations

import errno
from typing import Any, Literal, NoReturn

import msgspec

from backend.host.doors import READING, StillWaiting, devlink_place, vf_place
from backend.host.leftbehind import LeftBehind
from backend.model.links import (
    DevlinkPort,
    EswitchMode,
    PortSetting,
    PortSettingName,
    VfSetting,
    VfSettingName,
    VfTable,
)


class LinuxLinks:
    """Links of this machine: asked of children that can be left behind.

    Args:
        setting: whether anything can be set; EROFS otherwise.
    """

    def __init__(self, *, setting: bool = False) -> None:
        self._setting = setting
        self._reader = LeftBehind("backend.host.rtnetlink")
        self._setter = LeftBehind("backend.host.pyroute")

    def _only_for_setting(self, subject: str) -> None:
        if not self._setting:
            raise OSError(errno.EROFS, "this process has no way to set anything", subject)

    async def vfs(self, interface: str, *, statistics: bool = False, deadline: float) -> VfTable:
        """Return the VFs of the PF that ``interface`` belongs to."""
        arguments = {"interface": interface, "statistics": statistics}
        # Whoever waits, waits for the one lock of all links.
        answer = await _named(interface, self._reader, "vfs", arguments, READING, deadline, True)
        return msgspec.convert(answer, VfTable)

    async def set_vf(
        self, interface: str, parent: str, vf: int, name: VfSettingName, value: VfSetting, *, deadline: float
    ) -> None:
        """Set one thing of one VF."""
        self._only_for_setting(interface)
        arguments = {
            "interface": interface, "parent": parent, "vf": vf, "name": name, "value": msgspec.to_builtins(value),
        }  # fmt: skip
        await _named(interface, self._setter, "set_vf", arguments, vf_place(interface, vf, name), deadline, False)

    async def eswitch(self, device: str, *, deadline: float) -> EswitchMode:
        """Return the mode of a device's embedded switch."""
        return EswitchMode(await self._devlink("eswitch", device, {}, devlink_place(device, "eswitch"), deadline))

    async def set_eswitch(self, device: str, mode: EswitchMode, *, deadline: float) -> None:
        """Set the mode of a device's embedded switch."""
        self._only_for_setting(device)
        place = devlink_place(device, "mode")
        await self._devlink("set_eswitch", device, {"mode": mode}, place, deadline, sets=True)

    async def ports(self, device: str, *, deadline: float) -> tuple[DevlinkPort, ...]:
        """Return the devlink ports of a device."""
        found = await self._devlink("ports", device, {}, devlink_place(device, "ports"), deadline)
        return msgspec.convert(found, tuple[DevlinkPort, ...])

    async def set_port(
        self, device: str, port: int, name: PortSettingName, value: PortSetting, *, deadline: float
    ) -> None:
        """Set one thing of the function behind a port."""
        self._only_for_setting(device)
        asked = {"port": port, "name": name, "value": value}
        await self._devlink("set_port", device, asked, devlink_place(f"{device}/{port}", name), deadline, sets=True)

    async def _devlink(
        self,
        operation: str,
        device: str,
        arguments: dict[str, Any],
        place: str,
        deadline: float,
        *,
        sets: bool = False,
    ) -> Any:
        asked = {"device": device, **arguments}
        return await _named(device, self._setter, operation, asked, place, deadline, not sets)

    def waiting(self) -> tuple[StillWaiting, ...]:
        """Return what was left behind and still goes on."""
        return self._reader.waiting() + self._setter.waiting()

    def close(self) -> None:
        """Dismiss the children; never waits."""
        self._reader.close()
        self._setter.close()


async def _named(
    subject: str, children: LeftBehind, operation: str, arguments: dict[str, Any], key: str, deadline: float, kill: bool
) -> Any:
    """Ask; an error names its subject."""
    try:
        return await children.ask(operation, arguments, key=key, deadline=deadline, kill=kill)
    except OSError as error:
        if error.filename is None:
            error.filename = subject
        raise


class NoLinks:
    """Links of a host that is only files. Every method raises ``EOPNOTSUPP``."""

    def __init__(self, kind: Literal["tree", "capture"]) -> None:
        self._kind = kind

    def _refuse(self, subject: str) -> NoReturn:
        raise OSError(errno.EOPNOTSUPP, f"a {self._kind} holds files only: its network cannot be asked", subject)

    def waiting(self) -> tuple[StillWaiting, ...]:
        """Return nothing."""
        return ()

    def close(self) -> None:
        """Nothing to let go of."""

    async def vfs(self, interface: str, *, statistics: bool = False, deadline: float) -> VfTable:
        """Refuse."""
        self._refuse(interface)

    async def set_vf(
        self, interface: str, parent: str, vf: int, name: VfSettingName, value: VfSetting, *, deadline: float
    ) -> None:
        """Refuse."""
        self._refuse(interface)

    async def eswitch(self, device: str, *, deadline: float) -> EswitchMode:
        """Refuse."""
        self._refuse(device)

    async def set_eswitch(self, device: str, mode: EswitchMode, *, deadline: float) -> None:
        """Refuse."""
        self._refuse(device)

    async def ports(self, device: str, *, deadline: float) -> tuple[DevlinkPort, ...]:
        """Refuse."""
        self._refuse(device)

    async def set_port(
        self, device: str, port: int, name: PortSettingName, value: PortSetting, *, deadline: float
    ) -> None:
        """Refuse."""
        self._refuse(device)
