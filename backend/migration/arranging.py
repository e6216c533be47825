"""A migration as far as it can be settled before it begins: what goes where, and everything that stands in its way."""

from __future__ import annotations

import os
from collections.abc import Collection
from dataclasses import dataclass, replace

from backend.host.doors import HostDoors
from backend.migration.comparison import HERE, compare
from backend.migration.domain_comparison import compare_domains
from backend.migration.planning import reasons_of
from backend.migration.preparing import prepare
from backend.migration.readiness import devices_of, find_out
from backend.model.host import Host
from backend.model.job import Move
from backend.model.migration import Comparison, Readiness, Reason, Strategy, Weight
from backend.model.vm import Vm

Place = tuple[HostDoors, Host]


@dataclass(frozen=True, slots=True)
class Arranged:
    """A migration that may begin, or not."""

    move: Move
    readiness: Readiness
    comparison: Comparison
    """What the destination lacks."""
    takes: frozenset[str]
    """Functions of the destination's host that it needs."""

    @property
    def hindrances(self) -> tuple[Reason, ...]:
        """What stands in its way, with its strategy."""
        found = (*reasons_of(self.move, self.readiness), *self.comparison.reasons)
        return tuple(reason for reason in found if reason.weight is not Weight.COSTS)


async def arrange(
    here: Place,
    vm: Vm,
    there: Place,
    move: Move,
    *,
    monitor: str = "",
    readiness: Readiness | None = None,
    taken: Collection[str] = (),
) -> Arranged:
    """Return a migration with its devices and what takes their place. Changes nothing.

    Args:
        here: the VM's host.
        there: that of the destination; the same one where they share it, and for libvirt, which looks for itself.
        move: what is wished.
        monitor: the VM's; "" = the first that its command line names.
        readiness: of the VM; None where it was not looked at yet.
        taken: functions of the destination's host that are promised to others.
    """
    doors, host = here
    if readiness is None:
        readiness = await find_out(doors, host, vm, monitor=monitor, libvirt=move.libvirt)
    devices = tuple(str(one.device) for one in readiness.devices)
    parents = tuple(str(found.parent) for key, found in host.devices.items() if str(key) in devices and found.parent)
    move = replace(move, devices=devices, parents=parents, memory=vm.memory or 0)
    if move.libvirt:
        mine = devices_of(host, vm, None)
        comparison = await compare_domains(move.libvirt, vm, mine, move.destination, taken=taken)
        move = replace(move, plugs=comparison.pairs)
    else:
        unplugged = move.strategy is Strategy.UNPLUG
        comparison = await compare(here, vm, there, move.destination, monitor=monitor, unplugged=unplugged, taken=taken)
        if move.destination == HERE:
            move, comparison = _prepared(doors, host, vm, there[1], move, comparison)
        if unplugged:
            pairs = dict(comparison.pairs)
            move = replace(move, plugs=tuple((device, pairs.get(device, "")) for device in move.devices))
    return Arranged(move, readiness, comparison, frozenset(other for _, other in comparison.pairs if other))


def _prepared(
    doors: HostDoors, host: Host, vm: Vm, there: Host, move: Move, comparison: Comparison
) -> tuple[Move, Comparison]:
    """Return a migration to a destination that is still to be started, and what keeps it from that."""
    pairs = {} if move.strategy is Strategy.UNPLUG else dict(comparison.pairs)
    swaps = {device: pairs.get(device, "") for device in move.devices}
    uid = os.geteuid() if doors.source.kind == "live" else vm.uid or 0
    made, hindrances = prepare(doors, host, vm, move.monitor, swaps, there, uid)
    move = replace(move, destination=made.monitor, command=made.command, folder=made.folder)
    return move, replace(comparison, reasons=(*comparison.reasons, *hindrances))
