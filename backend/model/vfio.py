"""What a VFIO device says of itself once it is open."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class VfioRegion:
    """One region that its user sees."""

    name: str
    """``BAR 0``, ``ROM``, ``config``, ``VGA``, or ``region 9`` for what its driver adds."""
    size: int
    """In bytes."""
    readable: bool
    writable: bool
    mappable: bool
    """Whether its user may map it; else every access is a call to the kernel."""
    areas: tuple[tuple[int, int], ...] = ()
    """Offset and bytes of the only parts that may be mapped; empty: all of it."""

    @property
    def trapped(self) -> int:
        """Bytes that cannot be mapped."""
        if not self.mappable:
            return self.size
        return self.size - sum(size for _, size in self.areas) if self.areas else 0


@dataclass(frozen=True, slots=True)
class VfioIrq:
    """One kind of interrupt."""

    name: str
    """INTx, MSI, MSI-X, error, request."""
    count: int


@dataclass(frozen=True, slots=True)
class VfioMigration:
    """What a device's driver offers a live migration."""

    features: tuple[str, ...]
    """stop-copy, p2p, pre-copy."""
    state: str
    """As in RUNNING."""
    size: int | None
    """Bytes of its state as the driver estimates them; None where it does not."""
    dirty_tracking: bool
    """Whether the device logs the pages that it writes."""


@dataclass(frozen=True, slots=True)
class VfioLook:
    """A device that was opened, asked and closed."""

    device: str
    resettable: bool
    regions: tuple[VfioRegion, ...]
    irqs: tuple[VfioIrq, ...]
    migration: VfioMigration | None
    """None where its driver offers none."""
