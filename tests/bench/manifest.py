"""What a generated tree holds: the truth that outputs are checked against."""

from __future__ import annotations

import json
from collections.abc import Iterable
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Literal

PciKind = Literal["pf", "vf", "port", "mdev-parent"]


@dataclass(slots=True)
class PciEntry:
    """One PCI function."""

    kind: PciKind
    vendor: int
    device: int
    class_code: int
    numa_node: int
    driver: str | None = None
    group: int | None = None
    physfn: str | None = None
    vf_index: int | None = None
    totalvfs: int | None = None
    numvfs: int | None = None
    netdevs: list[str] = field(default_factory=list)
    vfio_dev: str | None = None


@dataclass(slots=True)
class MdevEntry:
    """One mediated device."""

    parent: str
    type_id: str
    driver: str | None = None
    group: int | None = None
    vfio_dev: str | None = None


@dataclass(slots=True)
class Manifest:
    """The whole tree, by PCI address and by UUID."""

    pci: dict[str, PciEntry] = field(default_factory=dict)
    mdevs: dict[str, MdevEntry] = field(default_factory=dict)
    groups: dict[int, list[str]] = field(default_factory=dict)
    available: dict[str, dict[str, int]] = field(default_factory=dict)
    """Free instances, by mdev parent and type."""
    counts: dict[str, int] = field(default_factory=dict)

    @property
    def devices(self) -> int:
        """Return the number of PCI functions and mdevs."""
        return len(self.pci) + len(self.mdevs)

    def addresses(self, kinds: Iterable[PciKind] = ("pf", "vf", "port", "mdev-parent")) -> list[str]:
        """Return the addresses of all functions of these kinds."""
        wanted = set(kinds)
        return [address for address, entry in self.pci.items() if entry.kind in wanted]

    def save(self, path: Path) -> None:
        """Write the manifest as JSON."""
        path.write_text(json.dumps(asdict(self)), encoding="ascii")

    @classmethod
    def load(cls, path: Path) -> Manifest:
        """Read what ``save`` wrote."""
        raw = json.loads(path.read_text(encoding="ascii"))
        return cls(
            pci={address: PciEntry(**entry) for address, entry in raw["pci"].items()},
            mdevs={uuid: MdevEntry(**entry) for uuid, entry in raw["mdevs"].items()},
            groups={int(number): members for number, members in raw["groups"].items()},
            available=raw["available"],
            counts=raw["counts"],
        )
