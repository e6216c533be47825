"""One look for holders of every kind."""

from __future__ import annotations

from backend.host.doors import HostDoors, Processes
from backend.model.host import HolderScan
from backend.model.steps import Steps, at_once
from backend.model.vm import Vm
from backend.probe.holders.findings import HolderFindings
from backend.probe.holders.interrupts import scan_interrupts
from backend.probe.holders.network import scan_namespaces, scan_network
from backend.probe.holders.processes import list_pids, scan_processes
from backend.probe.holders.storage import scan_storage


def scan_holders(doors: HostDoors) -> HolderFindings:
    """Return all holders that can be seen; ``look_for_holders`` without a pause."""
    return at_once(look_for_holders(doors))


def look_for_holders(doors: HostDoors) -> Steps[HolderFindings]:
    """Return all holders that can be seen, in steps.

    May block for as long as a process does that is stuck in the kernel (its maps and command line wait for
    its memory lock): run it where it can be left behind.
    """
    files = doors.files
    found = []
    hidden = 0
    vms: tuple[Vm, ...] = ()
    processes = doors.processes if doors.processes is not None and list_pids(doors.processes) else None
    if processes is not None:
        result = yield from scan_processes(files, processes)
        found += result.found
        hidden = result.hidden
        vms = tuple(sorted(result.vms, key=lambda vm: (vm.name, vm.pid)))
    if hidden or processes is None:
        found += scan_interrupts(files)
        yield
    found += yield from scan_network(files)
    found += scan_storage(files)
    yield
    if processes is not None:
        found += yield from scan_namespaces(files, processes)
    return HolderFindings(tuple(found), _completeness(doors.clock.time(), processes, hidden), vms)


def _completeness(now: float, processes: Processes | None, hidden: int) -> HolderScan:
    if processes is None:
        return HolderScan(False, 0, "this tree has no processes: holders that are processes are not known", now)
    if hidden:
        return HolderScan(False, hidden, f"{hidden} processes of other users are hidden: run as root to see them", now)
    return HolderScan(True, taken_at=now)
