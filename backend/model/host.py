"""A whole host at one moment."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from backend.model.boot import BootState
from backend.model.counters import Activity
from backend.model.device import Device, DeviceKind
from backend.model.facts import Notes, no_notes
from backend.model.group import IommuGroup
from backend.model.ids import DeviceId, GroupId
from backend.model.mdev import MdevParent
from backend.model.source import SourceKind
from backend.model.threshold import Alarm
from backend.model.vm import Vm


@dataclass(frozen=True, slots=True)
class Weakness:
    """Something that weakens isolation on the whole host."""

    id: str
    text: str
    evidence: str
    """The parameter or command-line word that says so."""
    remedy: str


@dataclass(frozen=True, slots=True)
class Iommu:
    """The host's IOMMU."""

    units: tuple[str, ...]
    """Names in /sys/class/iommu, as in ``dmar0``."""
    label: str
    """Intel VT-d, AMD-Vi, Arm SMMUv3, virtio-iommu, or "no IOMMU"."""
    pmus: dict[str, str] = field(default_factory=dict)
    """Unit → its performance monitoring unit in /sys/bus/event_source/devices; units without one are left out."""


@dataclass(frozen=True, slots=True)
class HolderScan:
    """How complete the last look for holders was."""

    complete: bool
    """Whether every process could be looked into."""
    hidden: int = 0
    """How many processes could not be."""
    reason: str = ""
    """Why it is not complete, and what would make it so; "" when complete."""
    taken_at: float | None = None


@dataclass(frozen=True, slots=True)
class Host:
    """One host. Objects that did not change are the same objects from one ``Host`` to the next."""

    name: str
    source: SourceKind
    source_detail: str
    kernel: str
    boot_id: str
    taken_at: float
    """Seconds since the epoch."""
    uid: int
    """Whose eyes saw this: the user id of the reader."""
    iommu: Iommu
    devices: Mapping[DeviceId, Device]
    """In order of address, mdevs last."""
    parents: Mapping[str, MdevParent]
    groups: Mapping[GroupId, IommuGroup]
    weaknesses: tuple[Weakness, ...]
    holder_scan: HolderScan
    vms: Mapping[int, Vm] = field(default_factory=dict)
    """By process, in order of name."""
    notes: Notes = field(default_factory=no_notes)
    activity: Activity = field(default_factory=dict)
    """What was last measured of each device and VM that somebody looks at."""
    alarms: tuple[Alarm, ...] = ()
    """The operator's thresholds that something is beyond."""
    boot: BootState | None = None
    """What is saved for boot, and how the host differs from it; None where nothing is saved."""
    recorded: bool = False
    """Whether this is a moment of a recording that is played."""

    @property
    def simulated(self) -> bool:
        """Whether nothing of this is real."""
        return self.source == "simulated"

    def count(self, *kinds: DeviceKind) -> int:
        """Return how many devices are of one of ``kinds``."""
        return sum(device.kind in kinds for device in self.devices.values())
