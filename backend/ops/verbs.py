"""The closed list of verbs: what plans each kind of request."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping
from typing import Any

from backend.model.requests import (
    AutostartMdev,
    Bind,
    BindGroup,
    CreateMdevs,
    DefineMdev,
    RemoveBoot,
    RemoveMdevs,
    RemoveState,
    Replug,
    Reset,
    RestoreState,
    SaveBoot,
    SaveState,
    SetEswitch,
    SetGroupType,
    SetMsixCount,
    SetNumVfs,
    SetPath,
    SetPort,
    SetUnmanagedVfs,
    SetVfPolicy,
    SetVgpuType,
    Unbind,
    UndefineMdev,
)
from backend.ops.bind import plan_bind, plan_unbind
from backend.ops.boot.saving import plan_remove as plan_boot_remove
from backend.ops.boot.saving import plan_save as plan_boot_save
from backend.ops.devlink import plan_eswitch, plan_port
from backend.ops.devstates import plan_remove_state, plan_restore_state, plan_save_state
from backend.ops.groups import plan_bind_group, plan_group_type
from backend.ops.mdevctl import plan_autostart, plan_define, plan_undefine
from backend.ops.mdevs import plan_create, plan_remove
from backend.ops.msix import plan_msix
from backend.ops.numvfs import plan_numvfs
from backend.ops.operation import Operation
from backend.ops.path import plan_path
from backend.ops.replug import plan_replug
from backend.ops.reset import plan_reset
from backend.ops.unmanaged import plan_unmanaged
from backend.ops.vfpolicy import plan_vf_policy
from backend.ops.vgpu import plan_vgpu_type
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
    BindGroup.verb: plan_bind_group,
    SetGroupType.verb: plan_group_type,
    DefineMdev.verb: plan_define,
    UndefineMdev.verb: plan_undefine,
    AutostartMdev.verb: plan_autostart,
    SetVgpuType.verb: plan_vgpu_type,
    SetPath.verb: plan_path,
    Reset.verb: plan_reset,
    SetUnmanagedVfs.verb: plan_unmanaged,
    SaveState.verb: plan_save_state,
    RestoreState.verb: plan_restore_state,
    RemoveState.verb: plan_remove_state,
    SaveBoot.verb: plan_boot_save,
    RemoveBoot.verb: plan_boot_remove,
}
"""Verb → its planner, which takes the verb's request."""
