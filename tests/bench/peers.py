"""The tools an operator has today, unmodified, and how their output is checked."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

from tests.bench.manifest import Manifest

Check = Literal["pci", "mdev", "both", ""]

_ADDRESS = re.compile(rb"(?<![0-9a-f:])[0-9a-f]{4,8}:[0-9a-f]{2}:[0-9a-f]{2}\.[0-7](?![0-9a-f])")
_UUID = re.compile(rb"[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}")


@dataclass(frozen=True, slots=True)
class Peer:
    """One tool."""

    name: str
    argv: Sequence[str]
    knows: str
    """The relations in its output."""
    check: Check
    slow_above: str = ""
    """The largest size at which it takes less than half a minute."""


_GLOB = (
    "for d in /sys/kernel/iommu_groups/*/devices/*; do n=${d#*/iommu_groups/}; "
    'printf \'IOMMU Group %s %s\\n\' "${n%%/*}" "${d##*/}"; done'
)
_LSPCI_EACH = (
    "for g in $(find /sys/kernel/iommu_groups/* -maxdepth 0 -type d | sort -V); do "
    'echo "IOMMU Group ${g##*/}:"; for d in $g/devices/*; do lspci -Dnns "${d##*/}"; done; done; true'
)
_GREP = (
    "find -L /sys/bus/pci/devices -maxdepth 2 -type f -perm -0444 ! -name config ! -name 'resource[0-9]*' "
    "-print0 | xargs -0 grep -H ''"
)

PEERS = (
    Peer("lspci -vmmk", ["lspci", "-vmmk", "-D"], "driver, NUMA node, group", "pci"),
    Peer("lspci -vvv -nnk", ["lspci", "-vvv", "-nnk", "-D"], "driver, group, number of VFs", "pci"),
    Peer("lspci -n", ["lspci", "-n", "-D"], "–", "pci"),
    Peer("mdevctl list", ["mdevctl", "list"], "mdev, parent, type", "mdev"),
    Peer("mdevctl types", ["mdevctl", "types"], "parent, type, free", ""),
    Peer("udevadm info --export-db", ["udevadm", "info", "--export-db"], "paths, driver", "both"),
    Peer("lstopo --whole-io", ["lstopo-no-graphics", "--whole-io", "--of", "xml", "-"], "buses, NUMA", "pci"),
    Peer("IOMMU loop, shell globs", ["bash", "-c", _GLOB], "group", "both"),
    Peer("ls -l of every function", ["bash", "-c", "ls -l /sys/bus/pci/devices/*/"], "all links", "pci"),
    Peer("find and grep", ["bash", "-c", _GREP], "–", "pci"),
    Peer("driverctl list-devices", ["driverctl", "-v", "list-devices"], "driver, override", "pci", "S"),
    Peer("dpdk-devbind.py -s", ["dpdk-devbind.py", "-s"], "driver, interface", "", "M"),
    Peer("lshw -businfo", ["lshw", "-businfo", "-quiet"], "–", "pci", "M"),
    Peer("IOMMU loop, lspci each", ["bash", "-c", _LSPCI_EACH], "group", "pci", "S"),
)  # fmt: skip


def found(check: Check, manifest: Manifest, output: bytes) -> tuple[int, int]:
    """Return how many of the manifest's addresses and UUIDs are in the output, and how many should be."""
    wanted: set[bytes] = set()
    seen: set[bytes] = set()
    if check in ("pci", "both"):
        wanted |= {address.encode() for address in manifest.pci}
        seen |= set(_ADDRESS.findall(output))
    if check in ("mdev", "both"):
        wanted |= {uuid.encode() for uuid in manifest.mdevs}
        seen |= set(_UUID.findall(output))
    return len(wanted & seen), len(wanted)
