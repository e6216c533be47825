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
        if (others := await _credentials(monitor)) not in ("", CREDENTIALS):
            text = f"tls-creds are set to {others} already: without encryption asked for here, QEMU encrypts with them"
            raise CommandRefused("migrate-set-parameters", "GenericError", text)
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
    """Leave a side as the next migration expects it; where it does not answer, what is ours ends with it."""
    with contextlib.suppress(VmmError):
        if wire.connections > 1:
            off = [{"capability": "multifd", "state": False}]
            await monitor.ask("migrate-set-capabilities", {"capabilities": off})
        if wire.encrypted:
            if await _credentials(monitor) == CREDENTIALS:
                await monitor.ask("migrate-set-parameters", {"tls-creds": ""})
            await _forget(monitor)


async def _credentials(monitor: Monitor) -> str:
    """Return the id of the certificates that a side is set to; "" = none."""
    return str((await monitor.ask("query-migrate-parameters")).get("tls-creds", ""))


async def _forget(monitor: Monitor) -> None:
    with contextlib.suppress(CommandRefused):  # there is none, as a rule
        await monitor.ask("object-del", {"id": CREDENTIALS})
