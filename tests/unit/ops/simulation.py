"""A simulated host, and an operator of it, for tests of planners."""

from __future__ import annotations

from typing import Any

from backend.model.operation import Who
from backend.model.plan import Asked, Plan, RunEvent
from backend.ops.journal import MemoryJournal
from backend.ops.operator import LocalOperator
from backend.simhost.clock import ManualClock
from backend.simhost.open import open_spec


class Simulation:
    """One scenario, changed through an operator of its own.

    Args:
        ssh_client: address of the operator's SSH client.
    """

    def __init__(self, spec: str, *, ssh_client: str = "", privileged: bool = True) -> None:
        self.clock = ManualClock()
        self.host = open_spec(spec, self.clock, privileged)
        self.journal = MemoryJournal(self.clock)
        self.operator = LocalOperator(self.host, self.journal, Who(0, None, "root", "", ssh_client, ""))

    async def plan(self, verb: str, **arguments: Any) -> Plan:
        """Return the plan of one request. Raises ``OperationError``."""
        return await self.clock.run(self.operator.plan([Asked(verb, arguments)]))

    async def run(self, plan: Plan, typed: str = "") -> list[RunEvent]:
        """Run a plan to its end. Raises ``OperationError``."""

        async def events() -> list[RunEvent]:
            return [event async for event in self.operator.run(plan.asked, plan.fingerprint, typed)]

        return await self.clock.run(events())

    async def undo(self, plan: Plan) -> list[RunEvent]:
        """Take a plan back that was run."""
        return await self.run(await self.clock.run(self.operator.plan(plan.undo)))

    def read(self, path: str) -> str:
        """Return a file's text."""
        return self.host.files.read(path).decode().strip()

    def driver(self, device: str) -> str:
        """Return the driver that a function is linked to; "" = none."""
        try:
            return self.host.files.readlink(f"/sys/bus/pci/devices/{device}/driver").rpartition("/")[2]
        except FileNotFoundError:
            return ""
