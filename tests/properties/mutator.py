"""Trees of /sys and /proc made wrong, and right again: a tree is changed in place and then restored.

Copying thousands of files for each of a thousand trees would take longer than reading them.
"""

from __future__ import annotations

import os
import random
import shutil
import stat
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

_READ = frozenset((
    "modalias", "vendor", "device", "class", "subsystem_vendor", "subsystem_device", "numa_node", "driver",
    "iommu_group", "enable", "physfn", "sriov_totalvfs", "sriov_offset", "sriov_stride", "sriov_vf_device",
    "sriov_drivers_autoprobe", "reset_method", "aer_dev_correctable", "current_link_speed", "current_link_width",
    "max_link_speed", "max_link_width", "runtime_status", "net", "vfio-dev", "mdev_type", "mdev_supported_types",
    "available_instances", "name", "description", "device_api", "devices", "type", "reserved_regions", "drivers",
    "iommu_groups", "mdev_bus", "allow_unsafe_interrupts", "enable_unsafe_noiommu_mode", "cmdline", "interrupts",
    "mountinfo", "swaps", "route", "if_inet6", "ipv6_route", "maps", "fd", "fdinfo", "flags", "master", "dev",
    "stat", "status", "osrelease", "boot_id", "creatable_vgpu_types", "current_vgpu_type", "nvidia", "holders",
    "size", "ns",
))  # fmt: skip

_HUGE = b"9" * 40
_CONTENTS: tuple[bytes, ...] = (
    b"",
    b"\n",
    b"\0" * 64,
    b"\xff\xfe\x80\n",
    b"\x1b]0;owned\x07\x1b[2J\n",
    "\u202e\u2066[/magenta]x\n".encode(),
    b"-1\n",
    b"0\n",
    b"1\n",
    b"255\n",
    b"4294967296\n",
    b"18446744073709551616\n",
    b"-9223372036854775809\n",
    _HUGE,
    b"0x" + _HUGE,
    b"1e999\n",
    b"nan\n",
    b"inf GT/s\n",
    b"8.0 GT/s PCIe\n",
    b"Unknown\n",
    b"1_000\n",
    b"a" * 65536,
    b"\xc3" * 65536,
    b"0 1 2\n" * 4000,
    b"TOTAL_ERR_COR " + b"9" * 30,
    b"0x1 0x2 direct\n0x5 0x1 msi\nzz\n",
    b"pci:v0000FFFFd0000FFFFsv00001AF4sd00001100bc06sc04i00\n",
    b"unix:/x -> [vfio-device]\nvfio-msi[0](0000:01:10.0)\n",
    b"vfio-device-syspath: /sys/devices/\xff/x\nino: a\n",
)
_TARGETS = (
    "", ".", "..", "loop", "../..", "/nonexistent/pci0000:00", "../nowhere", "a" * 255, "/nonexistent/\udcff\x1b[31m/x",
    "../../devices/\udcff\x1b[31m", "../../../devices/pci0000:00/0000:00:00.0", "../../kernel/iommu_groups/007",
    "../../kernel/iommu_groups/-1", "../../kernel/iommu_groups/99999999999999999999", "../../kernel/iommu_groups/٣",
    "../0000:01:10.0", "../0000:ff:ff.f", "../../bus/pci/drivers/\x9b31m", "\n", "/devices/pci/\x1b]0;x\x07/y/z",
)  # fmt: skip
"""No target leads to anything of this machine, for a later change might follow it."""

_NAMES = (
    "0000:01:10.7", "0000:ff:1f.7", "00010000:00:00.0", "virtfn0", "virtfn999999", "virtfn٣", "virtfnx", "\udcff\udcfe",
    "\x1b[31m", "83b8f4f2-509f-382f-3c1e-e6bfe0fa1001", "83b8f4f2-509f-382f-3c1e-e6bfe0fa1009", "vfio999", "nvme0n1",
    "sriov_totalvfs", "physfn", "net", "current_link_speed", "modalias", "[/magenta]x", "-rf", "physfn", "reset_method",
)  # fmt: skip


class Mutator:
    """Changes one tree, again and again.

    Nothing outside of it is ever touched, though links in it may lead there.

    Args:
        root: folder with ``sys`` and ``proc``; an absolute path without links.
    """

    def __init__(self, root: Path) -> None:
        if root != root.resolve():
            raise ValueError(f"{root} has a link in it")
        everything = [Path(folder) / name for folder, folders, files in os.walk(root) for name in folders + files]
        self._all = sorted(everything)
        self._read = [path for path in self._all if path.name in _READ or ":" in path.name or path.is_symlink()]

    @contextmanager
    def changed(self, seed: int) -> Iterator[list[str]]:
        """Change a few to very many things by ``seed``, yield what was done, and put everything back."""
        chance = random.Random(seed)
        undo: list[Callable[[], None]] = []
        done: list[str] = []
        try:
            wanted = chance.choice((1, 2, 4, 10, 40, 150))
            for _ in range(50 + 5 * wanted):
                if len(done) == wanted:
                    break
                path = chance.choice(self._read if chance.random() < 0.9 else self._all)
                what = chance.choice(_CHANGES)
                try:
                    _demand_own(path)
                    back = what(path, chance)
                except OSError:
                    continue  # not for such a file, or an earlier change has moved it away
                undo.append(back)
                done.append(f"{what.__name__[1:]} {path}")
            yield done
        finally:
            for back in reversed(undo):
                back()


def _aside(path: Path) -> Callable[[], None]:
    """Move something away; return what brings it back, in place of whatever is there by then."""
    # Beside the tree, not in it: nothing more than what was asked for may show up.
    hidden = _outside(path) / f"{path.name[:200]}.{os.urandom(4).hex()}"
    path.rename(hidden)

    def back() -> None:
        _remove(path)
        hidden.rename(path)

    return back


def _outside(path: Path) -> Path:
    for parent in path.parents:
        if (parent / "sys").is_dir() and (parent / "aside").is_dir():
            return parent / "aside"
    raise FileNotFoundError(path)


def _demand_own(path: Path) -> None:
    """Raise ``NotADirectoryError`` where an earlier change made a link of a folder above: it may lead anywhere."""
    if os.path.realpath(path.parent) != str(path.parent):
        raise NotADirectoryError(path)


def _remove(path: Path) -> None:
    _demand_own(path)
    if path.is_symlink() or not path.is_dir():
        path.unlink(missing_ok=True)
    else:
        shutil.rmtree(path)


def _missing(path: Path, chance: random.Random) -> Callable[[], None]:
    return _aside(path)


def _content(path: Path, chance: random.Random) -> Callable[[], None]:
    if not stat.S_ISREG(path.lstat().st_mode):
        raise IsADirectoryError(path)
    before = path.read_bytes()
    path.write_bytes(chance.choice(_CONTENTS) if chance.random() < 0.8 else chance.randbytes(chance.randrange(300)))

    def back() -> None:
        path.write_bytes(before)

    return back


def _folder(path: Path, chance: random.Random) -> Callable[[], None]:
    back = _aside(path)
    path.mkdir()
    return back


def _file(path: Path, chance: random.Random) -> Callable[[], None]:
    back = _aside(path)
    path.write_bytes(chance.choice(_CONTENTS))
    return back


def _fifo(path: Path, chance: random.Random) -> Callable[[], None]:
    if "proc" in path.parts:
        # psutil opens these as only a kernel's files may be opened; that is why looks for holders have a deadline.
        raise PermissionError(path)
    back = _aside(path)
    os.mkfifo(path)
    return back


def _link(path: Path, chance: random.Random) -> Callable[[], None]:
    target = chance.choice(_TARGETS) or path.name
    back = _aside(path)
    path.symlink_to(target if target != "loop" else path)
    return back


def _extra(path: Path, chance: random.Random) -> Callable[[], None]:
    if path.is_symlink() or not path.is_dir():
        raise NotADirectoryError(path)
    added = path / chance.choice(_NAMES)
    kind = chance.randrange(3)
    if added.is_symlink() or added.exists():
        raise FileExistsError(added)
    if kind == 0:
        added.symlink_to(chance.choice(_TARGETS) or "x")
    elif kind == 1:
        added.mkdir()
    else:
        added.write_bytes(chance.choice(_CONTENTS))
    return lambda: _remove(added)


_CHANGES = (_missing, _content, _content, _content, _folder, _file, _fifo, _link, _link, _extra)
