"""Jobs: migrations that go on in a process of their own, whoever looks at them."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any

from backend.model.migration import Progress, Reason, Strategy, Verdict
from backend.model.operation import Who
from backend.model.vm import Vm

MIGRATE = "migrate"
"""What the journal calls a migration."""


@dataclass(frozen=True, slots=True)
class Limits:
    """How much may be under way at once. What is beyond waits for its turn."""

    per_pf: int = 4
    """Functions of one PF, or mdevs of one parent: as many as RHEL 10 allows for ConnectX-7."""
    per_link: int = 2
    """VMs between the same two hosts."""


@dataclass(frozen=True, slots=True)
class Wire:
    """What a migration goes over."""

    connections: int = 0
    """That carry memory side by side; 0 = as both sides are set, 1 = none beside the one."""
    encrypted: bool = False
    certificates: str = ""
    """Directory of the certificates that both QEMUs encrypt with, under QEMU's names; libvirt has its own."""


@dataclass(frozen=True, slots=True)
class Move:
    """What a migration shall do."""

    vm: str
    monitor: str
    """The source's monitor; "" where libvirt is asked."""
    destination: str
    """Monitor of the QEMU that takes it over; or the URI of a libvirt."""
    pid: int | None = None
    """The source's process; None where only its monitor was named."""
    uid: int | None = None
    """The source's user."""
    host: str = ""
    """The simulated host on which the destination is; "" = the same host as the source's."""
    strategy: Strategy = Strategy.VFIO
    devices: tuple[str, ...] = ()
    """Host devices that the source holds."""
    bandwidth: int | None = None
    """Bytes a second at most; 0 = as fast as the network is; None = as QEMU is set."""
    downtime: float = 0.3
    """Seconds that the guest may stand still at the switchover."""
    hold: bool = False
    """Whether the operator says when to switch over."""
    uri: str = ""
    """Where the destination listens: ``tcp:HOST:PORT``, for libvirt ``tcp://HOST``; "" = a socket beside its monitor,
    or as libvirt finds."""
    wire: Wire = Wire()
    command: tuple[str, ...] = ()
    """Command line that starts the destination; () = it waits already."""
    folder: str = ""
    """Where it is started: paths in a command line may be relative."""
    plugs: tuple[tuple[str, str], ...] = ()
    """Each device that goes, and what takes its place there ("" = nothing)."""
    libvirt: str = ""
    """URI of the libvirt that has the VM, and is asked in the place of QEMU's monitors; "" = none."""
    uuid: str = ""
    """Of the VM; only where libvirt is asked."""
    parents: tuple[str, ...] = ()
    """The PF, or the mdev parent, of each device that has one."""
    memory: int = 0
    """Bytes of the guest's memory: its share of an evacuation. 0 = not known."""
    limits: Limits = Limits()
    evacuation: str = ""
    """Which evacuation it is part of; "" = none."""


@dataclass(frozen=True, slots=True)
class Leaving:
    """One VM of a host that is evacuated."""

    vm: Vm
    move: Move | None
    """How it goes; None = it cannot."""
    reasons: tuple[Reason, ...]
    """What stands in its way."""


@dataclass(frozen=True, slots=True)
class Sample:
    """One point of a migration's history. Bytes, and bytes a second."""

    at: float
    """Seconds since it was asked for."""
    left: int
    bandwidth: float
    dirty_rate: float


@dataclass(frozen=True, slots=True)
class Failure:
    """Why nothing was started."""

    text: str
    absent: bool = False
    """Whether something that was named is not there."""


class JobState(StrEnum):
    """How a job stands."""

    STARTING = "starting"
    RUNNING = "running"
    ENDED = "ended"
    DIED = "died"
    """Its process ended without a word: only both sides can tell where the VM is."""


@dataclass(frozen=True, slots=True)
class Job:
    """A job as its record keeps it."""

    number: int
    move: Move
    who: Who
    began: float
    """Seconds since the epoch."""
    boot_id: str = ""
    pid: int = 0
    """Its process; 0 until that has told."""
    started: int = 0
    """When that began, in clock ticks since boot; with ``pid`` it names one process."""
    operation: int = 0
    """Number in the journal; 0 while it has none."""
    doing: str = ""
    """What it does beside migrating: ``starting the destination``, ``unplugging net0``; "" for nothing else."""
    prepared: int = 0
    """Process of the destination that this job started; 0 = it waited already, or is not started yet."""
    out: Mapping[str, Mapping[str, Any]] = field(default_factory=dict)
    """Each device that is unplugged for now, and the arguments of the ``device_add`` that plugs it in again."""
    progress: Progress | None = None
    history: tuple[Sample, ...] = ()
    cancelling: bool = False
    """Whether somebody asked for its end."""
    released: bool = True
    """Whether it may switch over by itself."""
    verdict: Verdict | None = None
    """Where the VM runs, once that is settled."""
    failure: Failure | None = None
    ended: float | None = None
    """Seconds since the epoch."""

    @property
    def over(self) -> bool:
        """Whether nothing more will happen."""
        return self.verdict is not None or self.failure is not None
