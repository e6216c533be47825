"""The closed list of verbs: what plans each kind of request."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping
from typing import Any

from backend.model.requests import SetNumVfs
from backend.ops.numvfs import plan_numvfs
from backend.ops.operation import Operation
from backend.ops.world import World

Planner = Callable[[Any, World], Awaitable[Operation]]

PLANNERS: Mapping[str, Planner] = {
    SetNumVfs.verb: plan_numvfs,
}
"""Verb → its planner, which takes the verb's request."""
