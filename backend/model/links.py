"""What the network side of the kernel says of a PF: policy and counters of its VFs, and its devlink ports."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from typing import Literal


class VlanProtocol(StrEnum):
    """The tag that the PF adds for a VF."""

    CUSTOMER = "802.1Q"
    SERVICE = "802.1ad"


class VfLinkState(StrEnum):
    """The link that a VF is shown. AUTO follows the PF's, and is also what is read where a driver says nothing."""

    AUTO = "auto"
    ENABLE = "enable"
    DISABLE = "disable"


@dataclass(frozen=True, slots=True)
class Vlan:
    """The VLAN that the PF puts a VF into."""

    id: int = 0
    """0 to 4095; 0 = none."""
    qos: int = 0
    """Priority, 0 to 7."""
    protocol: VlanProtocol = VlanProtocol.CUSTOMER

    def __str__(self) -> str:
        words = [str(self.id)]
        if self.qos:
            words.append(f"qos {self.qos}")
        if self.protocol is not VlanProtocol.CUSTOMER:
            words.append(f"proto {self.protocol}")
        return " ".join(words)


@dataclass(frozen=True, slots=True)
class TxRate:
    """Limits of what a VF may send, in Mbit/s; 0 = none."""

    min: int = 0
    max: int = 0


@dataclass(frozen=True, slots=True)
class VfInfo:
    """What the PF enforces on one VF (``IFLA_VF_INFO``). None = the driver or the kernel does not report it."""

    index: int
    mac: str
    """Lower case with colons; all zeroes where the host has set none."""
    vlan: Vlan = Vlan()
    rate: TxRate = TxRate()
    spoofcheck: bool | None = None
    trust: bool | None = None
    link: VfLinkState | None = None

    @property
    def has_mac(self) -> bool:
        """Whether the host has set a MAC address."""
        return self.mac.strip("0:") != ""


@dataclass(frozen=True, slots=True)
class VfStats:
    """Counters of one VF, as the PF's driver counts them (``IFLA_VF_STATS``).

    A driver that counts nothing per VF reads as zeroes: only a counter that moved is known to be one.
    """

    rx_bytes: int = 0
    tx_bytes: int = 0
    rx_packets: int = 0
    tx_packets: int = 0
    rx_dropped: int = 0
    tx_dropped: int = 0
    broadcast: int = 0
    multicast: int = 0


@dataclass(frozen=True, slots=True)
class VfTable:
    """The VFs of one PF as its interface tells of them."""

    interface: str
    index: int
    """The interface's number, never given to another before the next boot."""
    parent: str
    """The device that the interface belongs to, as in ``0000:3b:00.0``; "" on kernels before 5.14."""
    count: int
    """How many VFs there are, listed or not."""
    vfs: tuple[VfInfo, ...] = ()
    stats: tuple[VfStats, ...] = ()
    """Beside ``vfs``, one each; empty where they were not asked for or did not fit."""
    reason: str = ""
    """Why something is missing, in one sentence: "the kernel lists 128 of 252 VFs"."""


VfSettingName = Literal["mac", "vlan", "rate", "spoofcheck", "trust", "link"]
"""A field of ``VfInfo`` that can be set. The kernel sets each by itself."""

VfSetting = str | Vlan | TxRate | bool | VfLinkState
"""The value of such a field."""


class EswitchMode(StrEnum):
    """How a NIC's embedded switch forwards between its functions."""

    LEGACY = "legacy"
    SWITCHDEV = "switchdev"


class PortState(StrEnum):
    """Whether a port's function may be used."""

    INACTIVE = "inactive"
    ACTIVE = "active"


@dataclass(frozen=True, slots=True)
class PortFunction:
    """What stands behind a port and can be set there. None = this port does not have it."""

    hw_addr: str | None = None
    """Lower case with colons."""
    migratable: bool | None = None
    roce: bool | None = None
    state: PortState | None = None
    attached: bool | None = None
    """Whether a driver uses the function (its operational state)."""
    max_io_eqs: int | None = None
    """The most event queues for I/O."""


@dataclass(frozen=True, slots=True)
class DevlinkPort:
    """One devlink port."""

    device: str
    """Bus and name of the device, as in ``pci/0000:c1:00.0``."""
    index: int
    flavour: str
    """physical, virtual, pcipf, pcivf, pcisf, cpu, dsa or unused; a number where it is a newer one."""
    vf: int | None = None
    """Index of the VF behind it."""
    netdev: str = ""
    function: PortFunction = PortFunction()

    @property
    def name(self) -> str:
        """What the devlink command calls it."""
        return f"{self.device}/{self.index}"


PortSettingName = Literal["hw_addr", "migratable", "roce", "state", "max_io_eqs"]
"""A field of ``PortFunction`` that can be set."""

PortSetting = str | bool | PortState | int
"""The value of such a field."""
