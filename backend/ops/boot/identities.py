"""Who the functions of a host are, as far as root can tell: their serial numbers, too."""

from __future__ import annotations

from collections.abc import Collection, Iterable

from backend.model.boot import Identity
from backend.model.device import Device
from backend.ops.world import World
from backend.probe.boot.identity import has_identity, read_identity, read_slots


async def read_identities(world: World, ids: Collection[str], also: Iterable[Device] = ()) -> list[Identity]:
    """Return what functions tell of themselves: those of a kind, as in ``8086:1572`` ("" = all), and some more.

    The configuration space is read of these only: reading it wakes a function that sleeps.
    """
    slots = read_slots(world.doors.files)
    more = {device.id for device in also}
    found = []
    for device in list(world.devices()):
        kind = f"{device.vendor}:{device.device}"
        if has_identity(device) and (device.id in more or kind in ids or "" in ids):
            space = await world.look_at_config(device.id)
            found.append(read_identity(world.doors.files, device, slots, space))
    return found
