"""What a QEMU says of itself that bears on a migration.

Source: qapi/migration.json (``blocked-reasons``, ``calc-dirty-rate``).
"""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from backend.model.text import clean
from backend.vmm.devices import ask_devices
from backend.vmm.monitor import Monitor


@dataclass(frozen=True, slots=True)
class Told:
    """What QEMU said of itself."""

    version: str
    status: str
    blocked: tuple[str, ...]
    capabilities: Mapping[str, bool]
    devices: Mapping[str, Mapping[str, Any]] = field(default_factory=dict)
    """Host device → properties of the QEMU device that it is."""
    dirty_rate: int | None = None


async def ask(monitor: Monitor, *, dirty_seconds: int = 0) -> Told:
    """Return what a QEMU says; with ``dirty_seconds`` it measures how fast the guest changes its memory."""
    status = await monitor.ask("query-status")
    moving = await monitor.ask("query-migrate")
    capabilities = {c["capability"]: bool(c["state"]) for c in await monitor.ask("query-migrate-capabilities")}
    return Told(
        version=".".join(map(str, monitor.version)),
        status=clean(str(status.get("status", "")), 64),
        blocked=tuple(clean(str(text), 1024) for text in moving.get("blocked-reasons", ())),
        capabilities=capabilities,
        devices=await ask_devices(monitor),
        dirty_rate=await _dirty_rate(monitor, dirty_seconds) if dirty_seconds else None,
    )


async def _dirty_rate(monitor: Monitor, seconds: int) -> int | None:
    await monitor.ask("calc-dirty-rate", {"calc-time": seconds})
    for _ in range(10 * seconds + 100):
        await asyncio.sleep(0.1)
        found = await monitor.ask("query-dirty-rate")
        if found.get("status") == "measured":
            return int(found["dirty-rate"]) << 20
    return None
