"""How the user of a device reaches its regions."""

from __future__ import annotations

from collections.abc import Mapping

from backend.model.figures import bytes_text
from backend.model.region import Region
from backend.present.columns import Cell, Role


def reached(region: Region, mapped: Mapping[str, int] | None) -> Cell:
    """Return how far the holder of a device reaches a region of it without an exit.

    Args:
        mapped: name of a region → bytes that the holder has mapped; None where that cannot be told.
    """
    if mapped is None:
        return Cell("mapped or trapped: cannot be told", Role.HIDDEN)
    found = mapped.get(region.name, 0)
    if not found:
        return Cell("trapped: every access exits", Role.WARNING)
    return Cell("mapped" if found >= region.size else f"mapped, but {bytes_text(region.size - found)} trapped")
