"""mdev parents, their types and capacity."""

from __future__ import annotations

from dataclasses import dataclass, field
from enum import StrEnum

from backend.model.facts import Notes, no_notes
from backend.model.ids import MdevUuid, PciAddress


class Isolation(StrEnum):
    """What keeps an mdev's memory apart; the kernel tells it only through the driver."""

    IOMMU = "iommu"
    """Backed by a VF or PASID: the IOMMU isolates it."""
    MEDIATED = "mediated"
    """The vendor driver isolates it in software and pins the guest's pages."""
    UNKNOWN = "unknown"


@dataclass(frozen=True, slots=True)
class MdevType:
    """A type of mdev that a parent can make."""

    id: str
    """Directory name, as in ``mtty-1``."""
    name: str
    """Human name; the id where the parent gives none."""
    description: str
    device_api: str
    available: int | None
    """How many more can be made now. Types may share one pool."""
    instances: tuple[MdevUuid, ...]


@dataclass(frozen=True, slots=True)
class MdevParent:
    """A device that mdevs can be made of: a PF, a VF, or no PCI device at all."""

    name: str
    """Its name in /sys/class/mdev_bus: a PCI address, or as in ``mtty``."""
    sysfs: str
    device: PciAddress | None
    """The PCI function it is; None for a virtual parent."""
    isolation: Isolation
    types: tuple[MdevType, ...]
    notes: Notes = field(default_factory=no_notes)
