"""Small trees of /sys and /proc, one function at a time."""

from __future__ import annotations

import os
from collections.abc import Mapping
from pathlib import Path

from backend.host.linux import LinuxHost

_MODALIAS = "pci:v00008086d000010C9sv00001AF4sd00001100bc02sc00i00\n"


class Tree:
    """A /sys and a /proc below one folder."""

    def __init__(self, folder: Path) -> None:
        self.sys = folder / "sys"
        self.proc = folder / "proc"
        for name in ("bus/pci/devices", "bus/pci/drivers", "kernel/iommu_groups", "block"):
            (self.sys / name).mkdir(parents=True)
        self.proc.mkdir()

    @property
    def host(self) -> LinuxHost:
        """The doors to it."""
        return LinuxHost(str(self.sys), str(self.proc))

    def write(self, path: str, text: str | bytes) -> None:
        """Write a file; its folders are made."""
        file = self.sys.parent / path
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_bytes(text.encode() if isinstance(text, str) else text)

    def link(self, path: str, target: str) -> None:
        """Make a symbolic link to ``target``, a path of this tree; relative, as the kernel's are."""
        link = self.sys.parent / path
        link.parent.mkdir(parents=True, exist_ok=True)
        link.symlink_to(os.path.relpath(self.sys.parent / target, link.parent))

    def function(
        self,
        address: str,
        *,
        driver: str = "",
        group: int | None = None,
        above: str = "",
        attributes: Mapping[str, str | bytes] | None = None,
    ) -> str:
        """Add a function and return its folder; ``above`` is the root port it lies behind."""
        where = f"sys/devices/pci0000:00/{above + '/' if above else ''}{address}"
        for name, text in ({"modalias": _MODALIAS, "numa_node": "-1\n"} | dict(attributes or {})).items():
            self.write(f"{where}/{name}", text)
        self.link(f"sys/bus/pci/devices/{address}", where)
        if driver:
            self.link(f"sys/bus/pci/drivers/{driver}/{address}", where)
            self.link(f"{where}/driver", f"sys/bus/pci/drivers/{driver}")
        if group is not None:
            (self.sys / f"kernel/iommu_groups/{group}").mkdir(exist_ok=True)
            self.link(f"{where}/iommu_group", f"sys/kernel/iommu_groups/{group}")
        return where

    def interface(self, name: str, device: str, flags: str = "0x1003\n") -> str:
        """Add a network interface of the function at ``device`` and return its folder."""
        where = f"{device}/net/{name}"
        self.write(f"{where}/flags", flags)
        self.link(f"sys/class/net/{name}", where)
        return where

    def process(self, pid: int, name: str, argv: list[str], descriptors: Mapping[int, str] | None = None) -> str:
        """Add a process and return its folder."""
        where = f"proc/{pid}"
        self.write("proc/stat", "btime 1763841600\n")
        self.write(f"{where}/cmdline", b"".join(word.encode() + b"\0" for word in argv))
        self.write(f"{where}/stat", f"{pid} ({name}) S 1 {'0 ' * 17}6000 {'0 ' * 30}\n")
        self.write(f"{where}/status", f"Name:\t{name}\nUid:\t0\t0\t0\t0\nGid:\t0\t0\t0\t0\n")
        self.write(f"{where}/maps", "")
        (self.sys.parent / where / "fd").mkdir()
        for number, target in (descriptors or {}).items():
            (self.sys.parent / where / "fd" / str(number)).symlink_to(target)
        return where
