"""What a look for holders found: plain data, so that it can come from another process."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import astuple, dataclass
from typing import Any

from backend.model.holder import Holder, HolderKind
from backend.model.host import HolderScan


@dataclass(frozen=True, slots=True)
class Found:
    """One holder of one target."""

    target: str
    """``group:42``, ``node:vfio3`` or ``device:NAME``."""
    holder: Holder
    mapped: bool | None = None
    """Whether regions of the device are mapped into the holder; None when that cannot be told."""


@dataclass(frozen=True, slots=True)
class HolderFindings:
    """All holders found, and how complete the look was."""

    found: tuple[Found, ...]
    scan: HolderScan

    def to_json(self) -> dict[str, Any]:
        """Return plain values for a pipe."""
        rows = [(item.target, astuple(item.holder), item.mapped) for item in self.found]
        return {"found": rows, "scan": astuple(self.scan)}

    @classmethod
    def from_json(cls, data: dict[str, Any]) -> HolderFindings:
        """Return what ``to_json`` made plain."""
        found = tuple(
            Found(target, Holder(HolderKind(holder[0]), *holder[1:]), mapped)
            for target, holder, mapped in data["found"]
        )
        return cls(found, HolderScan(*data["scan"]))

    def by_target(self) -> dict[str, tuple[Found, ...]]:
        """Return the findings of each target, each holder once, the best evidence first."""
        return _grouped(self.found)


def _grouped(found: Iterable[Found]) -> dict[str, tuple[Found, ...]]:
    groups: dict[str, dict[tuple[str, int | None], Found]] = {}
    for item in found:
        groups.setdefault(item.target, {}).setdefault((item.holder.name, item.holder.pid), item)
    return {target: tuple(items.values()) for target, items in groups.items()}
