"""A region of a PCI function: a window of addresses behind which its registers or its memory are."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Region:
    """One region of a function."""

    name: str
    """``BAR 0``, ``ROM``, ``VF BAR 0`` (for all VFs together), ``window 0`` of a bridge."""
    start: int
    size: int
    """In bytes."""
    kind: str
    """``memory`` or ``I/O``."""
    qualities: tuple[str, ...]
    """As in ``64-bit``, ``prefetchable``."""

    @property
    def is_memory_bar(self) -> bool:
        """Whether it is a BAR of the function's own that a VMM may map into its guest."""
        return self.name.startswith("BAR ") and self.kind == "memory"
