"""An operator that does not ask whether anybody holds what it takes away, so that the kernel's wait can be seen."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from backend.model.requests import Request
from backend.ops.operation import Operation
from backend.ops.operator import LocalOperator
from backend.ops.world import World

PATIENCE = 3.0
"""Seconds until a write counts as stuck."""


class Unguarded(LocalOperator):
    """Plans without the conditions that nobody holds a device, and is soon impatient."""

    async def _prepare(self, parsed: Sequence[Request], world: World, settles: int | None) -> Operation:
        operation = await super()._prepare(parsed, world, settles)
        conditions = tuple(c for c in operation.plan.conditions if not c.text.startswith("nobody holds "))
        work = tuple(
            replace(item, before=(), action=replace(item.action, patience=PATIENCE)) for item in operation.work
        )
        return Operation(replace(operation.plan, conditions=conditions), work)
