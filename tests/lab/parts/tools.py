"""Programs of this machine that the lab uses, outside and inside: this machine's root is the guest's too."""

from __future__ import annotations

import os
import shutil
from pathlib import Path

_COMMANDS = {
    "apt-get": "apt",
    "bash": "bash",
    "busybox": "busybox-static",
    "cpio": "cpio",
    "dpkg-deb": "dpkg",
    "driverctl": "driverctl",
    "gcc": "gcc",
    "ip": "iproute2",
    "lspci": "pciutils",
    "make": "make",
    "mdevctl": "mdevctl",
    "modprobe": "kmod",
    "setpriv": "util-linux",
    "stty": "coreutils",
    "tmux": "tmux",
    "udevadm": "udev",
    "xz": "xz-utils",
}
_FILES = {"/lib/systemd/systemd-udevd": "udev"}

_BUILD_COMMANDS = {"bc": "bc", "bison": "bison", "flex": "flex", "perl": "perl"}
_BUILD_FILES = {"/usr/include/libelf.h": "libelf-dev"}


def missing_packages(*, build_kernel: bool = False) -> list[str]:
    """Return the Debian packages that this machine lacks, for the lab or also for building the lab kernel."""
    commands, files = dict(_COMMANDS), dict(_FILES)
    if build_kernel:
        commands |= _BUILD_COMMANDS
        files |= _BUILD_FILES
    path = f"{os.environ.get('PATH', '')}:/usr/sbin:/sbin"
    missing = {package for command, package in commands.items() if shutil.which(command, path=path) is None}
    missing |= {package for file, package in files.items() if not Path(file).exists()}
    return sorted(missing)
