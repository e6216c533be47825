"""Operations on the machine of the conformance tests, as a face asks for them."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from backend.agent.client import AgentOperator
from backend.agent.inprocess import in_process
from backend.model.operation import Who
from backend.model.plan import Asked, Plan, RunEvent
from backend.ops.journal import MemoryJournal
from backend.ops.operator import LocalOperator
from tests.conformance.machine import Machine
from tests.conformance.unguarded import Unguarded

WHO = Who(0, None, "root", "", "", "")


class Operating:
    """Plans and runs on one machine, through an agent in this process, with a journal of its own.

    Attributes:
        operator: what the agent asks.
    """

    def __init__(self, machine: Machine, *, guarded: bool = True) -> None:
        self._machine = machine
        self.journal = MemoryJournal(machine.doors.clock)
        self.operator = (LocalOperator if guarded else Unguarded)(
            machine.doors, self.journal, WHO, machine.scanner
        )  # fmt: skip
        self._agent: AgentOperator | None = None

    async def agent(self) -> AgentOperator:
        """Return the operator that reaches the other through the agent."""
        if self._agent is None:
            self._agent = await in_process(self.operator, self._machine.doors)
        return self._agent

    async def plan(self, verb: str, **arguments: Any) -> Plan:
        """Return the plan of one request. Raises ``OperationError``."""
        return await self.plan_all([Asked(verb, arguments)])

    async def plan_all(self, requests: Sequence[Asked]) -> Plan:
        """Return the plan of several requests. Raises ``OperationError``."""
        agent = await self.agent()
        return await self._machine.run(agent.plan(requests))

    async def do(self, verb: str, typed: str = "", **arguments: Any) -> list[RunEvent]:
        """Plan one request, confirm the plan and run it to its end. Raises ``OperationError``."""
        return await self.confirm(await self.plan(verb, **arguments), typed)

    async def confirm(self, plan: Plan, typed: str = "") -> list[RunEvent]:
        """Run a plan that was looked at, to its end. Raises ``OperationError``."""
        return await self._machine.run(self._run(plan, typed))

    async def undo(self, plan: Plan) -> list[RunEvent]:
        """Take a plan back that was run."""
        return await self.confirm(await self.plan_all(plan.undo))

    async def _run(self, plan: Plan, typed: str) -> list[RunEvent]:
        agent = await self.agent()
        return [event async for event in agent.run(plan.asked, plan.fingerprint, typed)]
