"""The state of a device, as it is kept in a file."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class About:
    """Whose state it is."""

    id: str
    """UUID of this very state."""
    device: str
    driver: str
    kind: str
    """What a device must be to take it: an mdev's type."""
    host: str
    kernel: str
    saved: float
    """Seconds since the epoch."""


@dataclass(frozen=True, slots=True)
class Header:
    """A state, without its bytes."""

    about: About
    size: int
    """Bytes that the device gave."""
    sha256: str
