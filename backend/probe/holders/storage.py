"""Holders that are the host's own disks: mounts, swap, LVM, RAID."""

from __future__ import annotations

from backend.host.doors import Files
from backend.model.holder import Holder, HolderKind
from backend.model.text import clean
from backend.probe.holders.findings import Found
from backend.probe.surroundings import listing, owned_disks

_ROOT = "mounted on /"
"""What hangs on a disk before all else."""


def scan_storage(files: Files) -> list[Found]:
    """Return the functions whose block devices the host uses, through partitions too."""
    mounts = _mounts(files)
    swaps = _swaps(files)
    found = []
    for disk, owners in owned_disks(files):
        partitions = [name for name in listing(files, f"/sys/block/{disk}") if name.startswith(disk)]
        holders = []
        for name in (disk, *sorted(partitions)):
            where = f"/sys/block/{disk}" if name == disk else f"/sys/block/{disk}/{name}"
            uses = _uses(files, where, name, mounts, swaps)
            holders += [Holder(HolderKind.STORAGE, clean(name, 64), via="mounts", detail=use) for use in uses]
        holders.sort(key=lambda holder: holder.detail != _ROOT)
        found += [Found(f"device:{owner}", holder) for holder in holders for owner in owners]
    return found


def _uses(files: Files, where: str, name: str, mounts: dict[str, str], swaps: set[str]) -> list[str]:
    uses = []
    try:
        number = files.read(f"{where}/dev", 32).decode("ascii", "replace").strip()
    except OSError:
        number = ""
    if number in mounts:
        uses.append(f"mounted on {mounts[number]}")
    if name in swaps:
        uses.append("swap")
    uses += [f"part of {clean(holder, 64)}" for holder in sorted(listing(files, f"{where}/holders"))]
    return uses


def _mounts(files: Files) -> dict[str, str]:
    """Return device number → first mount point, of the namespace of process 1 where that may be seen."""
    for path in ("/proc/1/mountinfo", "/proc/self/mountinfo"):
        try:
            text = files.read(path, 16 << 20).decode("utf-8", "backslashreplace")
        except OSError:
            continue
        mounts: dict[str, str] = {}
        for line in text.splitlines():
            fields = line.split()
            if len(fields) > 4:
                mounts.setdefault(fields[2], clean(fields[4], 200))
        return mounts
    return {}


def _swaps(files: Files) -> set[str]:
    try:
        lines = files.read("/proc/swaps", 1 << 20).decode("utf-8", "replace").splitlines()[1:]
    except OSError:
        return set()
    return {line.split()[0].rpartition("/")[2] for line in lines if line.strip()}
