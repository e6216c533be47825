"""The ways to look at a host."""

from __future__ import annotations

from enum import StrEnum


class View(StrEnum):
    """Which tree is shown."""

    DEVICES = "devices"
    GROUPS = "groups"
    HOLDERS = "holders"
    NUMA = "numa"
