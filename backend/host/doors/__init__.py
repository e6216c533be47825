"""What a host looks like from outside: the protocols that every host, real or simulated, answers.

A path is always the kernel's own absolute name (``/sys/bus/pci/devices``), wherever the tree really
lies. Doors raise ``OSError`` with the kernel's errno and nothing else; probes turn that into the state
of a fact.
"""

from backend.host.doors.clock import Clock
from backend.host.doors.events import Event, Events, Overflow, Uevent
from backend.host.doors.files import Directory, Files, FileStat, stat_of
from backend.host.doors.guarded import Guarded, StillWaiting, state_place
from backend.host.doors.host import HostDoors
from backend.host.doors.links import READING, Links, devlink_place, vf_place
from backend.host.doors.perf import TRACEPOINT, EventConfig, EventCount, Perf, PerfEvent
from backend.host.doors.processes import Process, Processes, Programs, Usage
from backend.host.doors.sockets import Peer, Sockets

__all__ = [
    "READING",
    "TRACEPOINT",
    "Clock",
    "Directory",
    "Event",
    "EventConfig",
    "EventCount",
    "Events",
    "FileStat",
    "Files",
    "Guarded",
    "HostDoors",
    "Links",
    "Overflow",
    "Peer",
    "Perf",
    "PerfEvent",
    "Process",
    "Processes",
    "Programs",
    "Sockets",
    "StillWaiting",
    "Uevent",
    "Usage",
    "devlink_place",
    "stat_of",
    "state_place",
    "vf_place",
]
