"""Sets both QEMUs to what a migration goes over: how many connections, and whether they are encrypted.

Source: qapi/migration.json, docs/devel/migration/main.rst, docs/system/tls.rst.
"""

from __future__ import annotations

import contextlib
from typing import Any

from backend.model.job import Wire
from backend.vmm.errors import CommandRefused, VmmError
from backend.vmm.monitor import Monitor

CREDENTIALS = "iovtop-tls"
"""Id of the object that holds a side's certificates while a migration goes on."""


def capabilities(wire: Wire) -> dict[str, bool]:
    """Return what both sides must be set to."""
    return {"multifd": wire.connections > 1} if wire.connections else {}


async def lay(wire: Wire, monitor: Monitor, *, client: bool) -> None:
    """Set one side. Raises ``VmmError`` where it will not have it: certificates that it cannot read, for one."""
    parameters: dict[str, Any] = {}
    if wire.connections > 1:
        parameters["multifd-channels"] = wire.connections
    if wire.encrypted:
        await _forget(monitor)
        await monitor.ask(
            "object-add",
            {
                "qom-type": "tls-creds-x509", "id": CREDENTIALS, "dir": wire.certificates,
                "endpoint": "client" if client else "server", "verify-peer": True,
            },
        )  # fmt: skip
        parameters["tls-creds"] = CREDENTIALS
    if parameters:
        await monitor.ask("migrate-set-parameters", parameters)


async def take_away(wire: Wire, monitor: Monitor) -> None:
    """Leave a side without certificates of ours; where it does not answer, they end with it."""
    if wire.encrypted:
        with contextlib.suppress(VmmError):
            await monitor.ask("migrate-set-parameters", {"tls-creds": ""})
            await _forget(monitor)


async def _forget(monitor: Monitor) -> None:
    with contextlib.suppress(CommandRefused):  # there is none, as a rule
        await monitor.ask("object-del", {"id": CREDENTIALS})
