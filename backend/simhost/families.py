"""The mdev types that simulated vendor drivers offer."""

from __future__ import annotations

import errno
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class TypeSpec:
    """A type of mdev: its ``cost`` is taken from the pool that all types of a parent share."""

    name: str
    label: str
    cost: int
    description: str = ""
    attributes: tuple[tuple[str, str], ...] = ()
    """Files in the mdev's ``vendor`` directory; ``{uuid}`` is filled in."""


@dataclass(frozen=True, slots=True)
class Family:
    """The types that a driver offers, and how its capacity works."""

    driver: str
    pool: int
    types: tuple[TypeSpec, ...]
    full: int = errno.EUSERS
    """What creating one too many fails with: EUSERS from the core, or the driver's own errno."""
    homogeneous: bool = False
    """Once a type is in use only that type can be created."""
    migration: tuple[str, ...] = ()
    region: int = 0
    """Bytes of device memory that a user may map; 0 = every access traps."""


FAMILIES: dict[str, Family] = {
    "mtty": Family(
        "mtty",
        24,
        (
            TypeSpec("1", "Single port serial", 1, "", (("sample_mdev_dev", "This is MDEV {uuid}"),)),
            TypeSpec("2", "Dual port serial", 2, "", (("sample_mdev_dev", "This is MDEV {uuid}"),)),
        ),
        errno.ENOSPC,
        migration=("stop-copy", "p2p", "pre-copy", "dirty-tracking"),
    ),
    "mdpy": Family(
        "mdpy",
        4,
        tuple(
            TypeSpec(name, f"mdpy-{name}", 1, f"virtual display, {size} framebuffer", (("resolution", size),))
            for name, size in (("vga", "640x480"), ("xga", "1024x768"), ("hd", "1920x1080"))
        ),
        region=0x800000,
    ),
    "mbochs": Family(
        "mbochs",
        256,
        tuple(
            TypeSpec(
                name,
                f"mbochs-{name}",
                size,
                f"virtual display, {size} MB video memory",
                (("memory", f"{size} MB"),),
            )
            for name, size in (("small", 4), ("medium", 16), ("large", 64))
        ),
        errno.ENOSPC,
        region=0x400000,
    ),
    "nvidia": Family(
        "nvidia",
        24,
        tuple(
            TypeSpec(
                str(number),
                f"NVIDIA A10-{size}Q",
                size,
                f"num_heads=4, frl_config=60, framebuffer={size * 1024}M, max_resolution=7680x4320, "
                f"max_instance={24 // size}",
            )
            for number, size in enumerate((1, 2, 3, 4, 6, 8, 12, 24), 590)
        ),
        homogeneous=True,
        migration=("stop-copy", "pre-copy", "dirty-tracking"),
        region=0x10000,
    ),
}  # fmt: skip
