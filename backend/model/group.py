"""IOMMU groups and the verdict whether VFIO can use them."""

from __future__ import annotations

from dataclasses import dataclass, field

from backend.model.facts import Notes, no_notes
from backend.model.ids import DeviceId, GroupId


@dataclass(frozen=True, slots=True)
class ReservedRegion:
    """One line of ``reserved_regions``: inclusive addresses and their kind."""

    start: int
    end: int
    kind: str
    """direct, direct-relaxable, msi or reserved."""


@dataclass(frozen=True, slots=True)
class Viability:
    """Whether a VFIO user could own the whole group, and if not, because of whom.

    A group is viable if and only if each member has no driver or a driver that leaves DMA to the
    owner (VFIO drivers, pci-stub, pcieport). ``Source: drivers/iommu/iommu.c``.
    """

    viable: bool
    culprits: tuple[DeviceId, ...]
    """The members whose drivers stand in the way; empty when viable."""
    reason: str
    """One phrase, as in ``0000:00:1f.0 lpc_ich``; "" when viable."""


@dataclass(frozen=True, slots=True)
class IommuGroup:
    """An IOMMU group: what is assigned together."""

    id: GroupId
    members: tuple[DeviceId, ...]
    viability: Viability
    type: str | None = None
    """Type of the group's *default* domain (DMA, DMA-FQ, identity, ...), not its present translation."""
    reserved: tuple[ReservedRegion, ...] = ()
    notes: Notes = field(default_factory=no_notes)

    @property
    def direct(self) -> tuple[ReservedRegion, ...]:
        """Regions for which VFIO refuses the group (``direct``, RMRRs)."""
        return tuple(region for region in self.reserved if region.kind == "direct")
