"""The vendor's vGPU type of a VF (``<VF>/nvidia/``, which took the place of mdev)."""

from __future__ import annotations

from dataclasses import replace

from backend.model.device import Device
from backend.model.plan import Condition, Danger, Plan
from backend.model.requests import SetVgpuType
from backend.ops.checks import Check, FileIs
from backend.ops.codec import asked
from backend.ops.errors import BadRequest, Refused
from backend.ops.guard import guard
from backend.ops.operation import Operation, Work, write
from backend.ops.world import World, attribute_path


async def plan_vgpu_type(request: SetVgpuType, world: World) -> Operation:
    """Plan a vGPU type, or none. A type that is neither the one seen nor the one wanted is somebody else's."""
    vf = world.device(request.vf)
    if vf.vgpu is None:
        raise Refused(
            f"{vf.id} offers no vendor vGPU types", "name a VF of a GPU whose vendor driver has them, bound to it"
        )
    if request.type < 0:
        raise BadRequest(f"{request.verb}: {request.type} is no type", "0 takes the type away")
    now = int(vf.vgpu.current) if vf.vgpu.current.isdecimal() else 0
    was = now if request.was is None else request.was
    if now not in (0, was, request.type):
        raise Refused(
            f"{vf.id} has type {now} now, not {was}: somebody else has set it since, and it is theirs",
            "look again, and ask anew for what is there now",
        )
    guarded = guard(world, vf)
    work: list[Work] = []
    if now != request.type:
        path = attribute_path(vf, "nvidia/current_vgpu_type")
        if now:
            seen = FileIs(path, str(now), vf.id)
            work.append(_set(path, vf, now, 0, (*guarded.checks, seen)))
        if request.type:
            work.append(_set(path, vf, 0, request.type, (FileIs(path, "0", vf.id),)))
    plan = Plan(
        asked=(asked(replace(request, was=was)),),
        title=f"{vf.id} with {f'vGPU type {request.type}' if request.type else 'no vGPU type'}, now {now or 'none'}",
        devices=(vf.id, vf.parent) if vf.parent else (vf.id,),
        conditions=(*guarded.conditions, *_can_be(vf, request.type, now)) if work else (),
        steps=tuple(item.step for item in work),
        consequences=("the types that other VFs of the GPU can have change with it",) if work else (),
        undo=(asked(SetVgpuType(request.vf, now, was=request.type)),) if work else (),
        no_undo="parameters that were set beside the type are not brought back" if work and now else "",
        danger=Danger.DISRUPTIVE if now else Danger.REVERSIBLE,
        must_type="",
        unseen=True,
    )
    return Operation(plan, tuple(work))


def _set(path: str, vf: Device, old: int, new: int, before: tuple[Check, ...]) -> Work:
    text = f"give {vf.id} the vGPU type {new}" if new else f"take the vGPU type {old} from {vf.id}"
    return write(path, str(new), text=text, old=str(old), before=before, after=(FileIs(path, str(new), vf.id),))


def _can_be(vf: Device, kind: int, now: int) -> tuple[Condition, ...]:
    """Return whether the type can be made; nothing where that shows only once the present one is gone."""
    if not kind or now or vf.vgpu is None:
        return ()
    offered = {line.partition(":")[0].strip(): line for line in vf.vgpu.creatable}
    text = f"type {kind} can be made on {vf.id}"
    if str(kind) in offered:
        return (Condition(text, True),)
    known = "; ".join(vf.vgpu.creatable) or "no type at all"
    return (Condition(text, False, f"now it could have {known}", "free frame buffer of the GPU, or take another type"),)
