"""A device opened by VFIO for a moment, to hear what it says of itself; never one that somebody holds."""

from __future__ import annotations

from backend.host.doors import StillWaiting, state_place
from backend.model.vfio import VfioLook
from backend.ops.checks import NotHeld
from backend.ops.errors import Refused
from backend.ops.explain import explain
from backend.ops.world import World

_PATIENCE = 30.0


async def look_into(name: str, world: World) -> VfioLook:
    """Return what a device says. The world was looked at before. Raises ``OperationError``."""
    device = world.device(name)
    if not device.vfio:
        bound = f"is bound to {device.driver}" if device.driver else "has no driver"
        raise Refused(f"{device.id} {bound}: only a VFIO driver lets it be opened", f"`iovtop bind {device.id} --vfio`")
    free = NotHeld(device.id).ask(world)
    if not free.holds:
        raise Refused(f"{device.id} is not opened: {free.found}", free.remedy)
    try:
        return await world.doors.guarded.look_at(device.id, deadline=_PATIENCE)
    except StillWaiting as waiting:
        raise Refused(str(waiting), "it goes on by itself; `iovtop recover` tells whether it still waits") from waiting
    except OSError as error:
        raise Refused(*explain(error, state_place(device.id), device.driver)) from error
