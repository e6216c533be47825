"""The files of /proc that belong to no process, the mdevctl definitions below /etc, and systemd's folder in /run."""

from __future__ import annotations

import json
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from backend.simhost.procs import HOST_NETNS
from backend.simhost.tree import Link

if TYPE_CHECKING:
    from backend.simhost.kernel import Kernel


@dataclass(frozen=True, slots=True)
class Mount:
    """One mounted file system."""

    device: str
    place: str
    kind: str = "ext4"


@dataclass(slots=True)
class Storage:
    """What is mounted, and what is swap."""

    mounts: list[Mount] = field(default_factory=list)
    swaps: list[str] = field(default_factory=list)


class ProcFiles:
    """Fills /proc."""

    def __init__(self, kernel: Kernel) -> None:
        self._kernel = kernel
        self.storage = Storage()
        features = kernel.core.features
        proc = kernel.processes.proc
        proc.file("cmdline", lambda: features.cmdline.encode() + b"\n")
        proc.file("version", f"Linux version {features.release} (build@sim) #1 SMP PREEMPT_DYNAMIC\n")
        proc.file("stat", f"cpu  0 0 0 0 0 0 0 0 0 0\nbtime {int(features.boot_time)}\n")
        proc.file("uptime", lambda: f"{3600 + kernel.core.age():.2f} 0.00\n".encode())
        proc.file("meminfo", f"MemTotal:       {features.cpus * 4 * 1024 * 1024:8d} kB\n")
        proc.file("interrupts", kernel.irqs.interrupts)
        proc.file("swaps", self._swaps)
        kernel.folder("/run/systemd/system")  # systemd runs here
        proc.entries["mounts"] = Link("self/mounts")
        proc.entries["net"] = Link("self/net")
        mine = proc.dir("self")
        mine.file("mountinfo", self._mountinfo)
        mine.file("mounts", self._mounts)
        mine.file("comm", "iovtop\n")
        mine.dir("ns").link("net", f"net:[{HOST_NETNS}]")
        net = mine.dir("net")
        net.file("route", kernel.network.route_table)
        net.file("ipv6_route", b"")
        sysctl = proc.dir("sys").dir("kernel")
        sysctl.file("hostname", f"{features.hostname}\n")
        sysctl.file("osrelease", f"{features.release}\n")
        sysctl.dir("random").file("boot_id", f"{kernel.uuid(features.hostname)}\n")

    def _all_mounts(self) -> list[Mount]:
        base = [
            Mount("proc", "/proc", "proc"),
            Mount("sysfs", "/sys", "sysfs"),
            Mount("devtmpfs", "/dev", "devtmpfs"),
        ]
        if not any(mount.place == "/" for mount in self.storage.mounts):
            base.insert(0, Mount("rootfs", "/", "overlay"))
        return [*self.storage.mounts, *base]

    def _numbers(self, device: str) -> str:
        node = self._kernel.core.root.dir("dev").entries.get(device.removeprefix("/dev/"))
        rdev = getattr(node, "rdev", None)
        return f"{rdev[0]}:{rdev[1]}" if rdev else "0:21"

    def _mountinfo(self) -> bytes:
        lines = [
            f"{23 + number} 1 {self._numbers(mount.device)} / {mount.place} rw,relatime "
            f"shared:{number + 1} - {mount.kind} {mount.device} rw"
            for number, mount in enumerate(self._all_mounts())
        ]
        return ("\n".join(lines) + "\n").encode("utf-8", "surrogateescape")

    def _mounts(self) -> bytes:
        lines = [f"{mount.device} {mount.place} {mount.kind} rw,relatime 0 0" for mount in self._all_mounts()]
        return ("\n".join(lines) + "\n").encode("utf-8", "surrogateescape")

    def _swaps(self) -> bytes:
        lines = ["Filename\t\t\t\tType\t\tSize\t\tUsed\t\tPriority"]
        lines += [f"{path:<40}partition\t8388604\t\t0\t\t-2" for path in self.storage.swaps]
        return ("\n".join(lines) + "\n").encode()

    def define_mdev(self, parent: str, uuid: str, kind: str, start: str) -> None:
        """Write an mdevctl definition, as ``mdevctl define`` does."""
        where = self._kernel.core.root.dir("etc").dir("mdevctl.d").dir(parent)
        where.file(uuid, json.dumps({"mdev_type": kind, "start": start, "attrs": []}, indent=2) + "\n")
