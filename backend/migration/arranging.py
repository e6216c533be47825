"""A migration as far as it can be settled before it begins: what goes where, and everything that stands in its way."""

from __future__ import annotations

import os
from collections.abc import Collection
from dataclasses import dataclass, replace

from backend.host.doors import HostDoors
from backend.migration.comparison import HERE, compare
from backend.migration.planning import reasons_of
from backend.migration.preparing import prepare
from backend.migration.readiness import find_out
from backend.model.host import Host
from backend.model.job import Move
from backend.model.migration import Readiness, Reason, Strategy, Weight
from backend.model.vm import Vm

Place = tuple[HostDoors, Host]


@dataclass(frozen=True, slots=True)
class Arranged:
    """A migration that may begin, or not."""

    move: Move
    readiness: Readiness
    differences: tuple[Reason, ...]
    """What the destination lacks."""
    takes: frozenset[str]
    """Functions of the destination's host that it needs."""

    @property
    def hindrances(self) -> tuple[Reason, ...]:
        """What stands in its way, with its strategy."""
        found = (*reasons_of(self.move, self.readiness), *self.differences)
        return tuple(reason for reason in found if reason.weight is not Weight.COSTS)


async def arrange(here: Place, vm: Vm, there: Place, move: Move, *, taken: Collection[str] = ()) -> Arranged:
    """Return a migration with its devices and what takes their place. Changes nothing.

    Args:
        here: the VM's host.
        there: that of the destination; the same one where they share it.
        move: what is wished.
        taken: functions of the destination's host that are promised to others.
    """
    unplugged = move.strategy is Strategy.UNPLUG
    doors, host = here
    readiness = await find_out(doors, host, vm)
    devices = tuple(str(one.device) for one in readiness.devices)
    parents = tuple(str(found.parent) for key, found in host.devices.items() if str(key) in devices and found.parent)
    move = replace(move, devices=devices, parents=parents, memory=vm.memory or 0)
    comparison = await compare(here, vm, there, move.destination, unplugged=unplugged, taken=taken)
    pairs = dict(comparison.pairs)
    reasons = comparison.reasons
    if move.destination == HERE:
        swaps = {device: "" if unplugged else pairs.get(device, "") for device in move.devices}
        uid = os.geteuid() if doors.source.kind == "live" else vm.uid or 0
        made, hindrances = prepare(doors, host, vm, move.monitor, swaps, there[1], uid)
        reasons = (*reasons, *hindrances)
        move = replace(move, destination=made.monitor, command=made.command, folder=made.folder)
    if unplugged:
        move = replace(move, plugs=tuple((device, pairs.get(device, "")) for device in move.devices))
    return Arranged(move, readiness, reasons, frozenset(filter(None, pairs.values())))
