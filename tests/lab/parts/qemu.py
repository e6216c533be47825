"""QEMU of any Debian suite, with its own C library: it runs on this machine and inside the guest alike."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
from dataclasses import dataclass
from pathlib import Path

from tests.lab.errors import LabError
from tests.lab.parts.cache import kept, say
from tests.lab.parts.debian import Archive
from tests.lab.settings import Settings

_LIBRARIES = "x86_64-linux-gnu"

# The firmware and QEMU's own modules are looked for where this root is, not where the package would be installed.
# The loader goes by the name of QEMU, so that the process does too.
_WRAPPER = f"""#!/bin/sh
root=$(dirname "$0")/root
lib=$root/usr/lib/{_LIBRARIES}
export QEMU_MODULE_DIR="$lib/qemu"
exec "$root/loader/qemu-system-x86_64" --library-path "$lib:$root/lib/{_LIBRARIES}:$lib/pulseaudio" \\
    --argv0 qemu-system-x86_64 "$root/usr/bin/qemu-system-x86_64" \\
    -L "$root/usr/share/qemu" -L "$root/usr/share/seabios" -L "$root/usr/lib/ipxe/qemu" "$@"
"""


@dataclass(frozen=True, slots=True)
class Qemu:
    """A QEMU that has igb and NVMe with SR-IOV."""

    command: tuple[str, ...]
    version: str


def prepare_qemu(settings: Settings) -> Qemu:
    """Return QEMU, downloading it the first time."""
    if settings.qemu:
        return Qemu((settings.qemu,), _version(settings.qemu))
    archive = Archive(settings.cache, settings.suite)
    packages = archive.closure("qemu-system-x86")

    def build(folder: Path) -> None:
        say(f"unpacking QEMU of {settings.suite} ({len(packages)} packages)")
        root = folder / "root"
        archive.unpack(packages, folder / "debs", root)
        (folder / "debs").rmdir()
        _gather_libraries(root)
        (root / "loader").mkdir()
        shutil.copy(root / "usr/lib" / _LIBRARIES / "ld-linux-x86-64.so.2", root / "loader" / "qemu-system-x86_64")
        wrapper = folder / "qemu-system-x86_64"
        wrapper.write_text(_WRAPPER)
        wrapper.chmod(0o755)
        (folder / "version").write_text(_version(str(wrapper)))

    folder = kept(settings.cache, "qemu", [settings.suite, _WRAPPER, *packages], build)
    return Qemu((str(folder / "qemu-system-x86_64"),), (folder / "version").read_text())


def _gather_libraries(root: Path) -> None:
    """Move what older packages keep in /lib to /usr/lib, as a merged root has it."""
    old = root / "lib" / _LIBRARIES
    if old.is_dir() and not (root / "lib").is_symlink():
        for path in old.iterdir():
            target = root / "usr" / "lib" / _LIBRARIES / path.name
            if not os.path.lexists(target):
                path.rename(target)


def _version(command: str) -> str:
    try:
        text = subprocess.run([command, "--version"], capture_output=True, text=True, timeout=60, check=True).stdout
    except (OSError, subprocess.SubprocessError) as error:
        raise LabError(f"{command} does not run: {error}") from error
    found = re.search(r"version (\d+\.\d+\.\d+)", text)
    if not found:
        raise LabError(f"{command} is no QEMU: it says {text[:80]!r}")
    return found[1]
