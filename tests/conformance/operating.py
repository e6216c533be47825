"""Operations on the machine of the conformance tests, as a face asks for them."""

from __future__ import annotations

from typing import Any

from backend.model.operation import Who
from backend.model.plan import Asked, Plan, RunEvent
from backend.ops.journal import MemoryJournal
from backend.ops.operator import LocalOperator
from tests.conformance.machine import Machine

WHO = Who(0, None, "root", "", "", "")


class Operating:
    """Plans and runs on one machine, with a journal of its own."""

    def __init__(self, machine: Machine) -> None:
        self._machine = machine
        self.journal = MemoryJournal(machine.doors.clock)
        self.operator = LocalOperator(machine.doors, self.journal, WHO)

    async def plan(self, verb: str, **arguments: Any) -> Plan:
        """Return the plan of one request. Raises ``OperationError``."""
        return await self._machine.run(self.operator.plan([Asked(verb, arguments)]))

    async def do(self, verb: str, typed: str = "", **arguments: Any) -> list[RunEvent]:
        """Plan one request, confirm the plan and run it to its end. Raises ``OperationError``."""
        return await self.confirm(await self.plan(verb, **arguments), typed)

    async def confirm(self, plan: Plan, typed: str = "") -> list[RunEvent]:
        """Run a plan that was looked at, to its end. Raises ``OperationError``."""
        return await self._machine.run(self._run(plan, typed))

    async def undo(self, plan: Plan) -> list[RunEvent]:
        """Take a plan back that was run."""
        back = await self._machine.run(self.operator.plan(plan.undo))
        return await self.confirm(back)

    async def _run(self, plan: Plan, typed: str) -> list[RunEvent]:
        return [event async for event in self.operator.run(plan.asked, plan.fingerprint, typed)]
