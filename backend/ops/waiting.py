"""Whether a step still waits in the kernel, as another process than the one that began it can tell."""

from __future__ import annotations

from collections.abc import Callable

from backend.host.doors import HostDoors, StillWaiting
from backend.model.operation import Entry
from backend.probe.holders.processes import list_pids

_DELETED = " (deleted)"


def started(doors: HostDoors, pid: int) -> int:
    """Return when a process began, in clock ticks since boot; 0 when it has ended or cannot be seen.

    A process id alone says little: the kernel gives it to another one sooner or later (proc_pid_stat(5)).
    """
    try:
        stat = doors.files.read(f"/proc/{pid}/stat", 4096).decode("utf-8", "replace")
    except OSError:
        return 0
    fields = stat.rpartition(")")[2].split()
    if len(fields) < 20 or fields[0] in "ZX" or not fields[19].isdecimal():
        return 0
    return int(fields[19])


def left_behind(doors: HostDoors, at: Callable[[str], bool]) -> StillWaiting | None:
    """Return what this process left behind at a place, if it still goes on."""
    everything = (*doors.guarded.waiting(), *doors.links.waiting())
    return next((left for left in everything if at(left.path)), None)


def still_waiting(entry: Entry, doors: HostDoors, boot_id: str) -> StillWaiting | None:
    """Return the step of an operation that still goes on in the kernel, or None.

    Known by the doors of this process; by the process that was written down; or, where a crash left no time
    to write one down, by who has the step's file open. Reads of all processes' descriptors: for recovery only.
    """
    if entry.boot_id != boot_id:
        return None
    begun = [record.step for record in entry.steps if record.found is None]
    if not begun or begun[-1] >= len(entry.plan.steps):
        return None
    where = entry.plan.steps[begun[-1]].where
    left = left_behind(doors, lambda place: place == where)
    if left is not None:
        return left
    now = doors.clock.time()
    if entry.left is not None:
        alive = entry.left.started and started(doors, entry.left.pid) == entry.left.started
        pid = entry.left.pid if alive else 0
    else:
        pid = _who_has_open(doors, where)
    return StillWaiting(where, pid, _wchan(doors, pid), max(0.0, now - entry.began)) if pid else None


def _who_has_open(doors: HostDoors, where: str) -> int:
    """Return the process that has a file of the kernel open; 0 for none. Files of /sys are only open to be written.

    Compared by the file and its directory, for a path through /sys/bus is none that a descriptor shows.
    """
    if doors.processes is None or not where.startswith("/sys/"):
        return 0
    tail = "/" + "/".join(where.split("/")[-2:])
    for pid in list_pids(doors.processes):
        try:
            with doors.files.open_dir(f"/proc/{pid}/fd") as directory:
                for name in directory.list():
                    target = directory.readlink(name).removesuffix(_DELETED)
                    if target.startswith("/sys/") and target.endswith(tail):
                        return pid
        except OSError:
            continue
    return 0


def _wchan(doors: HostDoors, pid: int) -> str:
    try:
        found = doors.files.read(f"/proc/{pid}/wchan", 128).decode("utf-8", "replace") if pid else ""
    except OSError:
        return ""
    return "" if found == "0" else found
