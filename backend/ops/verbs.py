"""The closed list of verbs: what plans each kind of request."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping
from typing import Any

from backend.model.requests import (
    Bind,
    CreateMdevs,
    RemoveMdevs,
    Replug,
    SetEswitch,
    SetMsixCount,
    SetNumVfs,
    SetPort,
    SetVfPolicy,
    Unbind,
)
from backend.ops.bind import plan_bind, plan_unbind
from backend.ops.devlink import plan_eswitch, plan_port
from backend.ops.mdevs import plan_create, plan_remove
from backend.ops.msix import plan_msix
from backend.ops.numvfs import plan_numvfs
from backend.ops.operation import Operation
from backend.ops.replug import plan_replug
from backend.ops.vfpolicy import plan_vf_policy
from backend.ops.world import World

Planner = Callable[[Any, World], Awaitable[Operation]]

PLANNERS: Mapping[str, Planner] = {
    SetNumVfs.verb: plan_numvfs,
    SetVfPolicy.verb: plan_vf_policy,
    SetMsixCount.verb: plan_msix,
    SetPort.verb: plan_port,
    SetEswitch.verb: plan_eswitch,
    Bind.verb: plan_bind,
    Unbind.verb: plan_unbind,
    CreateMdevs.verb: plan_create,
    RemoveMdevs.verb: plan_remove,
    Replug.verb: plan_replug,
}
"""Verb → its planner, which takes the verb's request."""
