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
_DAEMON = Path("/lib/systemd/systemd-udevd")

KERNEL_BUILD = {"bc": "bc", "bison": "bison", "flex": "flex", "perl": "perl"}
"""Command → package, for building the lab kernel."""


def missing_packages(commands: dict[str, str] = _COMMANDS) -> list[str]:
    """Return the Debian packages that this machine lacks."""
    path = f"{os.environ.get('PATH', '')}:/usr/sbin:/sbin"
    missing = {package for command, package in commands.items() if shutil.which(command, path=path) is None}
    if not _DAEMON.exists():
        missing.add("udev")
    return sorted(missing)
