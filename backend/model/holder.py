"""Who uses a device."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum


class HolderKind(StrEnum):
    """What kind of user a holder is."""

    VM = "vm"
    PROCESS = "process"
    """A program with the device open: DPDK, SPDK, a VFIO test."""
    SERVICE = "service"
    """A daemon that takes every VF it finds, as qatmgr does."""
    NETNS = "netns"
    """The network interface lives in another network namespace: a container or pod."""
    NETWORK = "network"
    """The host's own network: an address, a route, a bridge, a bond."""
    STORAGE = "storage"
    """The host's own disks: a mount, swap, LVM, RAID."""
    UNSEEN = "unseen"
    """Something holds it, and who cannot be seen from here."""


@dataclass(frozen=True, slots=True)
class Holder:
    """One user of a device, and how we know."""

    kind: HolderKind
    name: str
    """The VM's, program's, bridge's or mount point's name, cleaned."""
    pid: int | None = None
    start_time: float | None = None
    """Seconds since the epoch; with ``pid`` it names one process for ever."""
    user: str = ""
    via: str = ""
    """The evidence: fdinfo, /dev/vfio/42, cmdline, interrupts, net, mount, ..."""
    detail: str = ""
    """One phrase more: "mounted on /var", "port of br0"."""

    @property
    def words(self) -> str:
        """Who it is, in a few words."""
        if self.kind is HolderKind.VM:
            return f"vm {self.name}"
        if self.kind in (HolderKind.NETWORK, HolderKind.STORAGE):
            return f"{self.name} {self.detail}"
        return self.name
