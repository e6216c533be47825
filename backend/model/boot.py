"""What a host shall be after a boot, as it was saved; who else has a say in that; and how the host differs now."""

from __future__ import annotations

import re
from dataclasses import dataclass
from enum import StrEnum

from backend.model.ids import BadIdError, KernelName, MacAddress, MdevUuid, PciAddress
from backend.model.links import EswitchMode, PortState, VfLinkState, VlanProtocol

_RANGE = re.compile(r"[0-9]{1,5}(-[0-9]{1,5})?(,[0-9]{1,5}(-[0-9]{1,5})?)*", re.ASCII)
_MOST_VFS = 65_535


class VfRange(str):
    """Some VFs of a PF by index: ``3`` or ``0-3,7``."""

    __slots__ = ()

    @classmethod
    def parse(cls, text: str) -> VfRange:
        """Return the range, or raise ``BadIdError``."""
        if _RANGE.fullmatch(text) is None or any(not 0 <= first <= last <= _MOST_VFS for first, last in _pairs(text)):
            raise BadIdError(f"{text[:64]!r} names no VFs: write their indexes as in 3 or 0-3,7")
        return cls(text)

    @classmethod
    def of(cls, indexes: tuple[int, ...]) -> VfRange:
        """Return the shortest text for some indexes, in order."""
        runs: list[list[int]] = []
        for index in sorted(indexes):
            if runs and runs[-1][1] == index - 1:
                runs[-1][1] = index
            else:
                runs.append([index, index])
        return cls(",".join(str(first) if first == last else f"{first}-{last}" for first, last in runs))

    @property
    def indexes(self) -> tuple[int, ...]:
        """The indexes, in order."""
        return tuple(sorted({index for first, last in _pairs(self) for index in range(first, last + 1)}))


def _pairs(text: str) -> list[tuple[int, int]]:
    parts = [part.partition("-") for part in text.split(",")]
    return [(int(first), int(last or first)) for first, _, last in parts]


class DriverName(str):
    """A driver; "" = none."""

    __slots__ = ()

    @classmethod
    def parse(cls, text: str) -> DriverName:
        """Return the name, or raise ``BadIdError``."""
        return cls(KernelName.parse(text)) if text else cls("")


@dataclass(frozen=True, slots=True)
class Identity:
    """By what a function is known again when addresses have moved; what is not told is not asked for.

    The order is that of trust: what a serial number or a permanent address says goes before any place.
    """

    address: PciAddress | None = None
    """Where it was. The functions of a card share its serial number: this tells them apart, by function number."""
    serial: str = ""
    """The serial number of the card."""
    mac: MacAddress | None = None
    """The permanent address of the function's interface."""
    slot: str = ""
    """The name of the physical slot (/sys/bus/pci/slots)."""
    ids: str = ""
    """Vendor and device, as in ``15b3:1021``: whatever has others is another kind of card."""

    @property
    def name(self) -> str:
        """What it is called where it cannot be found."""
        if self.address is not None:
            return str(self.address)
        words = [f"serial {self.serial}"] * bool(self.serial) + [str(self.mac)] * (self.mac is not None)
        return ", ".join(words) or f"slot {self.slot}"


@dataclass(frozen=True, slots=True)
class SavedVf:
    """Some VFs of a PF that shall be alike. None = not saved, left as it comes."""

    index: VfRange
    driver: DriverName | None = None
    mac: MacAddress | None = None
    vlan: int | None = None
    qos: int | None = None
    proto: VlanProtocol | None = None
    trust: bool | None = None
    spoofcheck: bool | None = None
    rate: int | None = None
    min_rate: int | None = None
    link: VfLinkState | None = None
    msix: int | None = None
    migratable: bool | None = None
    roce: bool | None = None
    hw_addr: MacAddress | None = None
    max_io_eqs: int | None = None
    state: PortState | None = None
    vgpu: int | None = None
    """Number of a vendor's vGPU type, where VFs have such without an mdev."""


@dataclass(frozen=True, slots=True)
class SavedPf:
    """A PF and its VFs."""

    identity: Identity
    vfs: int | None = None
    autoprobe: bool | None = None
    eswitch: EswitchMode | None = None
    driver: DriverName | None = None
    """A driver other than the one that the kernel chooses."""
    vf: tuple[SavedVf, ...] = ()


@dataclass(frozen=True, slots=True)
class SavedFunction:
    """A function without VFs, and its driver."""

    identity: Identity
    driver: DriverName


@dataclass(frozen=True, slots=True)
class SavedMdev:
    """An mdev. Its parent is known by its name, or like any function."""

    uuid: MdevUuid
    type: KernelName
    parent: KernelName | None = None
    """A parent that is no PCI function, as in ``mtty``."""
    identity: Identity | None = None
    """A parent that is one."""
    vf: int | None = None
    """With ``identity``: the VF of that function which is the parent."""


@dataclass(frozen=True, slots=True)
class Saved:
    """A whole file."""

    pf: tuple[SavedPf, ...] = ()
    function: tuple[SavedFunction, ...] = ()
    mdev: tuple[SavedMdev, ...] = ()


class Subject(StrEnum):
    """What a tool decides at boot."""

    VFS = "number of VFs"
    DRIVER = "driver"
    POLICY = "VF policy"
    MDEV = "mdev"


@dataclass(frozen=True, slots=True)
class Claim:
    """That another tool decides something at boot. It was there first: iovtop leaves that to it."""

    tool: str
    """driverctl, mdevctl, systemd.link, udev, sysfs.conf or tmpfiles.d."""
    file: str
    subject: Subject
    device: str
    """A PCI address or an mdev's UUID."""
    value: str
    """As in ``8``, ``vfio-pci``; "" where there is more than one."""
    sure: bool = True
    """Whether it is certainly about this device: some conditions of .link files and udev rules cannot be told here."""

    @property
    def text(self) -> str:
        """Who wins, in one sentence."""
        value = f" ({self.value})" if self.value else ""
        said = f"{self.tool} sets the {self.subject.value} of {self.device}{value} by {self.file}"
        if self.sure:
            return f"{said}, and wins: iovtop leaves it alone"
        return f"{said} if its conditions hold, which cannot be told here; iovtop comes later at boot and wins"


@dataclass(frozen=True, slots=True)
class Drift:
    """One thing that is not now as it was saved."""

    device: str
    """The id of the device it is about; "" where that is not found."""
    what: str
    """As in ``number of VFs``, ``driver``, ``VLAN``."""
    saved: str
    live: str
    claim: str = ""
    """The tool that decides this instead, in one sentence; "" = nobody: applying would change it."""

    @property
    def text(self) -> str:
        """The difference, in a few words."""
        return f"{self.what}: saved {self.saved}, now {self.live}"


@dataclass(frozen=True, slots=True)
class Lost:
    """A saved thing of which it is not known which device of this host it is."""

    name: str
    """What it was saved as: an address, serial number or UUID."""
    why: str
    remedy: str


@dataclass(frozen=True, slots=True)
class BootState:
    """What was saved for boot, and how the host differs from it."""

    file: str
    error: str = ""
    """What is wrong with the file, in one sentence; "" when nothing is."""
    saved: tuple[str, ...] = ()
    """Ids of the devices that something is saved for."""
    drift: tuple[Drift, ...] = ()
    lost: tuple[Lost, ...] = ()

    def of(self, device: str) -> tuple[Drift, ...]:
        """Return how one device differs from what was saved."""
        return tuple(drift for drift in self.drift if drift.device == device)
