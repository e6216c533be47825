"""The first root of the guest: it mounts this machine's root, with an overlay in memory, and goes there."""

from __future__ import annotations

import lzma
import os
import re
import shutil
import subprocess
import tempfile
from pathlib import Path

from tests.lab.errors import LabError
from tests.lab.parts.debian import run

_NEEDED = ("virtio_pci", "9pnet_virtio", "9p", "overlay")
_APPLETS = ("sh", "mount", "insmod", "mkdir", "switch_root", "echo", "grep")

INIT = """#!/bin/sh
mount -t proc proc /proc
mount -t sysfs sysfs /sys
mount -t devtmpfs devtmpfs /dev
for module in /modules/*; do insmod "$module" 2>/dev/null; done
if grep -q lab.probe /proc/cmdline; then
    echo "LAB probe ok" >/dev/console
    echo o >/proc/sysrq-trigger
    while :; do :; done
fi
fail() {
    echo "LAB failed: cannot mount $1" >/dev/console
    echo o >/proc/sysrq-trigger
    while :; do :; done
}
options=trans=virtio,version=9p2000.L,msize=512000
mount -t 9p -o ro,cache=loose,$options hostroot /lower || fail hostroot
mount -t tmpfs -o size=80% tmpfs /upper || fail tmpfs
mkdir /upper/files /upper/work
mount -t overlay -o lowerdir=/lower,upperdir=/upper/files,workdir=/upper/work overlay /new || fail overlay
mkdir -p /new/lab /new/usr/lib/modules
mount -t 9p -o cache=none,$options exchange /new/lab || fail exchange
mount -t 9p -o ro,cache=loose,$options mods /new/usr/lib/modules || fail mods
exec switch_root /new /bin/bash /lab/init.sh
"""


def make_initramfs(modules: Path, version: str, output: Path) -> None:
    """Write an initramfs with a shell, and the modules that the mounts need where they are not built in.

    Args:
        modules: directory that holds ``version``, with its modules.dep.
    """
    with tempfile.TemporaryDirectory(prefix="iovtop-initramfs-") as scratch:
        root = Path(scratch)
        for name in ("bin", "modules", "proc", "sys", "dev", "lower", "upper", "new"):
            (root / name).mkdir()
        busybox = shutil.which("busybox") or "/bin/busybox"
        shutil.copy(busybox, root / "bin" / "busybox")
        for applet in _APPLETS:
            (root / "bin" / applet).symlink_to("busybox")
        init = root / "init"
        init.write_text(INIT)
        init.chmod(0o755)
        for number, path in enumerate(_in_order(modules / version)):
            name = re.sub(r"\.(xz|zst)$", "", path.name)
            (root / "modules" / f"{number:02}-{name}").write_bytes(_unpacked(path))
        names = "\n".join(sorted(str(path.relative_to(root)) for path in root.rglob("*")))
        packed = subprocess.run(
            ["cpio", "--create", "--format=newc", "--quiet", "--reproducible"],
            cwd=root, input=names.encode(), capture_output=True, check=True,
        )  # fmt: skip
        output.write_bytes(packed.stdout)


def _in_order(folder: Path) -> list[Path]:
    """Return the modules the mounts need and what these depend on, in the order of loading."""
    needs = {}
    for line in (folder / "modules.dep").read_text().splitlines():
        path, _, rest = line.partition(":")
        needs[path] = rest.split()
    by_name = {re.sub(r"\.ko.*", "", os.path.basename(path)).replace("-", "_"): path for path in needs}
    order: list[str] = []
    for name in _NEEDED:
        if name in by_name:
            # modules.dep lists all of them, the deepest last.
            order += [path for path in [*reversed(needs[by_name[name]]), by_name[name]] if path not in order]
    return [folder / path for path in order]


def _unpacked(path: Path) -> bytes:
    data = path.read_bytes()
    if path.suffix == ".xz":
        return lzma.decompress(data)
    if path.suffix == ".zst":
        return subprocess.run(["zstd", "-dc"], input=data, capture_output=True, check=True).stdout
    return data


def index_modules(base: Path, version: str) -> None:
    """Write modules.dep below ``base``/lib/modules where the package has none."""
    if not (base / "lib" / "modules" / version / "modules.dep").exists():
        run(["depmod", "--basedir", str(base), version])
    if not (base / "lib" / "modules" / version / "modules.dep").exists():
        raise LabError(f"depmod wrote no modules.dep for {version}")
