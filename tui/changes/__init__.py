"""The changes that a row offers."""

from __future__ import annotations

from collections.abc import Mapping

from tui.changes.boot import CHANGES as _BOOT
from tui.changes.change import Change
from tui.changes.drivers import CHANGES as _DRIVERS
from tui.changes.mdevs import CHANGES as _MDEVS
from tui.changes.network import CHANGES as _NETWORK
from tui.changes.vfs import CHANGES as _VFS

CHANGES: Mapping[str, Change] = {**_VFS, **_NETWORK, **_DRIVERS, **_MDEVS, **_BOOT}
"""Every change by its verb."""

__all__ = ["CHANGES", "Change"]
