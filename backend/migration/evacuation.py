"""Moving all VMs of a host away: what can go where, and what cannot, before anything begins."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from backend.host.doors import HostDoors
from backend.migration.arranging import Arranged, Place, arrange
from backend.migration.comparison import HERE
from backend.model.host import Host
from backend.model.job import Leaving, Move
from backend.model.migration import Reason, Strategy, Weight
from backend.model.vm import Vm, VmManager

_BY_ITSELF = (Strategy.VFIO, Strategy.FAILOVER)
"""Strategies that are chosen unasked: the guest keeps its devices."""


async def plan_evacuation(
    here: Place, there: Place, vms: Sequence[Vm], wished: Move, strategy: Strategy | None = None
) -> list[Leaving]:
    """Return each VM with how it goes, or with everything that keeps it. Changes nothing.

    A VM of libvirt goes to the libvirt that ``wished`` names. For others a destination that waits under the VM's own
    name is taken; else one is started.

    Args:
        here: the host to be evacuated.
        there: the host that takes the VMs.
        wished: the limits that hold for all; its VM does not matter.
        strategy: None = for each VM the best one that leaves the guest its devices.
    """
    found: list[Leaving] = []
    waiting = {vm.name: path for vm in there[1].vms.values() if vm.incoming for path in vm.monitors[:1]}
    taken: set[str] = set()
    for vm in vms:
        reason = _why_not(here[0], vm, wished)
        if reason is not None:
            found.append(Leaving(vm, None, (reason,)))
            continue
        move = replace(wished, vm=vm.name, pid=vm.pid, uid=vm.uid, uuid=vm.uuid)
        if vm.manager is not VmManager.LIBVIRT:
            move = replace(move, monitor=vm.monitors[0], destination=waiting.get(vm.name, HERE), libvirt="", uuid="")
        arranged = await _best(here, vm, there, move, strategy, taken)
        if arranged.hindrances:
            found.append(Leaving(vm, None, arranged.hindrances))
            continue
        taken |= arranged.takes
        found.append(Leaving(vm, arranged.move, ()))
    return found


async def _best(here: Place, vm: Vm, there: Place, move: Move, strategy: Strategy | None, taken: set[str]) -> Arranged:
    """Return the first way that nothing stands in, else the first of all."""
    tried: list[Arranged] = []
    for one in (strategy,) if strategy is not None else _BY_ITSELF:
        known = tried[0].readiness if tried else None
        arranged = await arrange(here, vm, there, replace(move, strategy=one), readiness=known, taken=taken)
        if not arranged.hindrances:
            return arranged
        tried.append(arranged)
    return tried[0]


def _why_not(doors: HostDoors, vm: Vm, wished: Move) -> Reason | None:
    def reason(cause: str, remedy: str) -> Reason:
        return Reason(Weight.BLOCKS, vm.name, cause, remedy, "its process")

    if not vm.qemu:
        return reason(f"{vm.program} is no QEMU", f"move it by the means of {vm.program}")
    if vm.manager is VmManager.LIBVIRT:
        if not wished.libvirt:
            return reason("it belongs to libvirt", "say which libvirt takes it: evacuate --to qemu+ssh://HOST/system")
        if doors.source.kind != "live":
            return reason(
                "it belongs to libvirt, which a simulated host is without", "evacuate the others without --to"
            )
        return None
    if wished.libvirt:
        return reason("no libvirt has it", "evacuate it apart from those of libvirt, without --to")
    if not vm.monitors:
        return reason("it was started without a monitor (-qmp)", "restart it with one")
    return None


def leavers(host: Host) -> list[Vm]:
    """Return the VMs of a host that would have to go, the largest first: those that wait for others stay."""
    found = [vm for vm in host.vms.values() if not vm.incoming]
    return sorted(found, key=lambda vm: (-(vm.memory or 0), vm.name))
