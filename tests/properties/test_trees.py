"""A thousand trees that no kernel would make: each is read without an exception into a valid document."""

from __future__ import annotations

import shutil
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from backend.host.linux import LinuxHost
from backend.model.host import Host
from backend.present.columns import COLUMNS, cells
from backend.present.details import sections
from backend.present.glyphs import UNICODE
from backend.present.tree import project
from backend.present.view import View
from backend.report.text import render_text
from tests.bench.gen_sysfs import build
from tests.pictures import is_harmless, picture
from tests.properties.mutator import Mutator

_BATCH = 50
_DEFAULT = 1_000
_NIGHTLY = 10_000
_LONGEST = 10.0
"""Seconds that a single tree may take."""


_DESCRIPTORS = (
    "/dev/vfio/17", "anon_inode:[vfio-device]", "/dev/nvme0n1", "/dev/uio0", "/dev/vfio/2", "/dev/vfio/5",
)  # fmt: skip


@pytest.fixture(scope="session")
def trees(in_memory: Path, unpack_captures: Callable[[str, Path], None]) -> list[tuple[Path, Mutator]]:
    """Trees to be changed: both captures, and a generated one; each with a few processes."""
    found = []
    for name in ("3-vfs-mdevs", "1-no-vfs", "generated"):
        root = in_memory / "trees" / name
        (root / "aside").mkdir(parents=True)
        if name == "generated":
            build(root / "sys", pfs=2, vfs=3, mdev_parents=1, mdevs=2, varied=True, seed=3)
            (root / "proc").mkdir()
        else:
            unpack_captures(name, root)
        _add_processes(root)
        found.append((root, Mutator(root)))
    return found


def _add_processes(root: Path) -> None:
    proc = root / "proc"
    (proc / "stat").write_text("cpu 0\nbtime 1763841600\n")
    argv = b"/usr/bin/qemu-system-x86_64\0-name\0guest=a\0-device\0vfio-pci,host=0000:01:10.0\0"
    for pid, name, line in ((1, "init", b"/sbin/init\0"), (77, "qemu-system-x86", argv), (78, "nginx", b"nginx\0")):
        folder = proc / str(pid)
        for part in ("fd", "fdinfo", "ns", "root/sys/class/net"):
            (folder / part).mkdir(parents=True)
        (folder / "cmdline").write_bytes(line)
        (folder / "stat").write_text(f"{pid} ({name}) S 1 {'0 ' * 17}6000 {'0 ' * 30}\n")
        (folder / "status").write_text(f"Name:\t{name}\nUid:\t0\t0\t0\t0\nGid:\t0\t0\t0\t0\n")
        (folder / "maps").write_text("7f00-7f01 rw-s 0 00:10 48 anon_inode:[vfio-device]\n")
        (folder / "ns/net").symlink_to(f"net:[{pid}]")
        for fd, target in enumerate(_DESCRIPTORS):
            (folder / "fd" / str(fd)).symlink_to(target)
            (folder / "fdinfo" / str(fd)).write_text(f"ino: 48\nvfio-device-syspath: /sys/devices/x/0000:01:10.{fd}\n")
        (folder / "root/sys/class/net/eth0").symlink_to("../../../devices/pci0000:00/0000:01:10.0/net/eth0")
    (proc / "swaps").write_text("Filename\n/dev/nvme0n1p1 partition 1 0 -2\n")
    (proc / "1/mountinfo").write_text("22 1 259:1 / / rw - ext4 /dev/nvme0n1 rw\n")
    (proc / "net").mkdir(exist_ok=True)
    (proc / "net/route").write_text("Iface D G F R U M Mask\nenp1s0\t00000000\t0102000A\t3\t0\t0\t0\t00000000\n")
    disk = "devices/pci0000:00/0000:00:08.0/0000:03:00.0/nvme/nvme0/nvme0n1"
    (root / "sys" / disk / "nvme0n1p1").mkdir(parents=True)
    (root / "sys" / disk / "dev").write_text("259:1\n")
    (root / "sys/block").mkdir(exist_ok=True)
    (root / "sys/block/nvme0n1").symlink_to(f"../{disk}")


def _timed(root: Path) -> tuple[Host, float]:
    began = time.monotonic()
    host = picture(LinuxHost(str(root / "sys"), str(root / "proc")))
    return host, time.monotonic() - began


def check_tree(root: Path, valid_document: Callable[[Host], Any]) -> None:
    """Read a tree and report it in every way. Any exception fails."""
    host, took = _timed(root)
    if took >= _LONGEST:
        # The machine may have been busy with something else; a tree that hangs its reader does so again.
        host, took = _timed(root)
    assert took < _LONGEST, f"{took:.1f} s"
    valid_document(host)
    for view in View:
        projection = project(host, view)
        below = [key for keys in projection.children.values() for key in keys]
        assert len(below) == len(set(below)) == len(projection.rows)
        for line in render_text(projection, COLUMNS, UNICODE):
            assert is_harmless(line), line
    for row in projection.rows.values():
        cells(host, row, COLUMNS, UNICODE)
    for row in project(host, View.DEVICES).rows.values():
        sections(host, row, UNICODE)


def _check_batch(trees: list[tuple[Path, Mutator]], batch: int, valid_document: Callable[[Host], Any]) -> None:
    for seed in range(batch * _BATCH, (batch + 1) * _BATCH):
        root, mutator = trees[seed % len(trees)]
        with mutator.changed(seed) as done:
            try:
                check_tree(root, valid_document)
            except Exception as error:
                error.add_note(f"seed {seed}, {len(done)} changes, first of them: {'; '.join(done[:10])}")
                raise


def test_the_trees_are_whole_before_and_after(
    trees: list[tuple[Path, Mutator]], valid_document: Callable[[Host], Any]
) -> None:
    """The tests below would prove nothing on trees that read as empty, or that stay broken."""
    for number, (root, mutator) in enumerate(trees):
        doors = LinuxHost(str(root / "sys"), str(root / "proc"))
        before = valid_document(picture(doors))
        assert len(before["devices"]) > 8
        assert any(device["holders"] for device in before["devices"])
        for seed in range(number, 60, 3):
            with mutator.changed(seed) as done:
                assert done
        assert valid_document(picture(doors)) | {"taken_at": "", "host": ""} == before | {"taken_at": "", "host": ""}


def test_nothing_outside_of_a_tree_is_ever_changed(in_memory: Path) -> None:
    """The tests run as root: a change that follows a link must not reach the real /sys."""
    root, outside = in_memory / "confined", in_memory / "outside"
    for folder in (root / "sys/bus", root / "aside", root / "proc", outside / "deep"):
        folder.mkdir(parents=True)
    for folder in (root / "sys/bus/devices/deep", outside):
        folder.mkdir(parents=True, exist_ok=True)
        (folder / "vendor").write_text("0x8086")
    (root / "sys/bus/devices/vendor").write_text("0x8086")
    (outside / "deep/vendor").write_text("0x8086")
    mutator = Mutator(root)
    shutil.rmtree(root / "sys/bus/devices")
    (root / "sys/bus/devices").symlink_to(outside)
    before = sorted((path, path.lstat().st_mtime_ns) for path in [outside, *outside.rglob("*")])
    for seed in range(60):
        with mutator.changed(seed):
            pass
    assert sorted((path, path.lstat().st_mtime_ns) for path in [outside, *outside.rglob("*")]) == before


@pytest.mark.parametrize("batch", range(_DEFAULT // _BATCH))
def test_arbitrary_trees(trees: list[tuple[Path, Mutator]], batch: int, valid_document: Callable[[Host], Any]) -> None:
    _check_batch(trees, batch, valid_document)


@pytest.mark.slow
@pytest.mark.timeout(600)
@pytest.mark.parametrize("batch", range(_DEFAULT // _BATCH, _NIGHTLY // _BATCH))
def test_more_arbitrary_trees(
    trees: list[tuple[Path, Mutator]], batch: int, valid_document: Callable[[Host], Any]
) -> None:
    _check_batch(trees, batch, valid_document)
