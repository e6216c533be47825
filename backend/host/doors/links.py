"""The network side of PFs: VFs and devlink."""

from __future__ import annotations

from typing import TYPE_CHECKING, Protocol

from backend.host.doors.guarded import StillWaiting

if TYPE_CHECKING:
    from backend.model.links import (
        DevlinkPort,
        EswitchMode,
        PortSetting,
        PortSettingName,
        VfSetting,
        VfSettingName,
        VfTable,
    )


class Links(Protocol):
    """The network side of PFs, by rtnetlink and devlink: records, not packets.

    Every method raises ``OSError`` with the kernel's errno, whose text is what the kernel or the driver said,
    and ``StillWaiting`` after ``deadline`` seconds: a driver may hold the locks of the network for as long as
    it likes. What is only files raises ``EOPNOTSUPP``.

    A devlink device is named by its bus and its name there, as in ``pci/0000:c1:00.0``; one that devlink does
    not know raises ``ENODEV``.
    """

    async def vfs(self, interface: str, *, statistics: bool = False, deadline: float) -> VfTable:
        """Return the VFs of the PF that ``interface`` belongs to, with their counters if wanted.

        An interface that is no PF's has none. Raises ``ENODEV`` where there is no such interface.
        """
        ...

    async def set_vf(
        self, interface: str, parent: str, vf: int, name: VfSettingName, value: VfSetting, *, deadline: float
    ) -> None:
        """Set one thing of one VF through its PF's interface.

        Raises ``ENODEV`` where ``interface`` does not belong to the device ``parent``, ``EOPNOTSUPP`` where the
        driver cannot set this, ``EINVAL`` where there is no such VF or it takes no such value, ``EPERM`` without
        CAP_NET_ADMIN.
        """
        ...

    async def eswitch(self, device: str, *, deadline: float) -> EswitchMode:
        """Return the mode of a device's embedded switch. Raises ``EOPNOTSUPP`` where it has none."""
        ...

    async def set_eswitch(self, device: str, mode: EswitchMode, *, deadline: float) -> None:
        """Set the mode of a device's embedded switch."""
        ...

    async def ports(self, device: str, *, deadline: float) -> tuple[DevlinkPort, ...]:
        """Return the devlink ports of a device."""
        ...

    async def set_port(
        self, device: str, port: int, name: PortSettingName, value: PortSetting, *, deadline: float
    ) -> None:
        """Set one thing of the function behind a port. Raises ``ENODEV`` where there is no such port."""
        ...

    def waiting(self) -> tuple[StillWaiting, ...]:
        """Return what was left behind and still goes on, each at ``READING``, a ``vf_place`` or a ``devlink_place``."""
        ...


READING = "rtnetlink"
"""What ``StillWaiting`` calls the reading of VFs: whoever reads waits for the one lock of all links."""


def vf_place(interface: str, vf: int, name: str) -> str:
    """Return what ``StillWaiting`` calls the setting of one thing of a VF."""
    return f"netlink {interface} vf {vf} {name}"


def devlink_place(device: str, name: str) -> str:
    """Return what ``StillWaiting`` calls the reading or setting of one thing of a devlink device or port."""
    return f"devlink {device} {name}"
