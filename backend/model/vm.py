"""VMs: what a VMM's process says of itself."""

from __future__ import annotations

from dataclasses import dataclass, field
from enum import StrEnum

from backend.model.facts import Notes, no_notes


class VmManager(StrEnum):
    """Who started a VM and answers for it."""

    LIBVIRT = "libvirt"
    PROXMOX = "proxmox"
    NONE = "none"
    """Somebody by hand, or a manager that iovtop does not know."""


@dataclass(frozen=True, slots=True)
class VmDevice:
    """A host device that a VMM was started with. What was plugged since, only its monitor tells."""

    device: str
    """PCI address or mdev UUID."""
    id: str = ""
    """QEMU's id of it; "" where it has none."""
    bus: str = ""
    no_mmap: bool = False
    """``x-no-mmap``: every access to its regions exits."""
    enable_migration: str = "auto"
    """on, off or auto."""
    iommufd: bool = False


@dataclass(frozen=True, slots=True)
class Vm:
    """A VM that runs on the host."""

    pid: int
    start_time: float
    """Seconds since the epoch; with ``pid`` it names one process for ever."""
    name: str
    program: str
    """As in ``qemu-system-x86_64``, ``cloud-hypervisor``."""
    qemu: bool
    """Whether it is a QEMU: of another VMM only the process is known."""
    manager: VmManager
    user: str = ""
    uid: int | None = None
    uuid: str = ""
    machine: str = ""
    """As it was asked for: ``q35``, ``pc-q35-10.0``."""
    accel: str = ""
    memory: int | None = None
    """Bytes of guest memory."""
    vcpus: int | None = None
    monitors: tuple[str, ...] = ()
    """Paths of the QMP sockets that its command line names."""
    incoming: bool = False
    """Whether it was started to receive a migration."""
    locked: int | None = None
    """Bytes that it keeps from being swapped (VmLck): what VFIO's type1 backend counts."""
    pinned: int | None = None
    """Bytes pinned for devices (VmPin): what iommufd counts."""
    lock_limit: int | None = None
    """Bytes that it may lock; None = no limit, or not known (then there is a note)."""
    devices: tuple[VmDevice, ...] = ()
    notes: Notes = field(default_factory=no_notes)
