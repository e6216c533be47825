"""How the guest's instructions are run: by KVM where a stock guest boots under it, else by QEMU's own translator."""

from __future__ import annotations

import os
import subprocess
from pathlib import Path

from tests.lab.machine import acceleration
from tests.lab.parts import Kernel, Qemu
from tests.lab.settings import Settings

_SECONDS = 30.0
_BOOT_ID = Path("/proc/sys/kernel/random/boot_id")


def choose(settings: Settings, qemu: Qemu, kernel: Kernel) -> str:
    """Return "kvm" or "tcg". Tries KVM once for each start of this machine, with the very kernel and QEMU."""
    if settings.accel != "auto":
        return settings.accel
    if not os.access("/dev/kvm", os.R_OK | os.W_OK):
        return "tcg"
    tried = f"{_BOOT_ID.read_text().strip()} {qemu.version} {kernel.version}"
    memory = settings.cache / "accel"
    try:
        known, _, accel = memory.read_text().rpartition(" ")
    except OSError:
        known, accel = "", ""
    if known != tried:
        accel = "kvm" if _boots(qemu, kernel) else "tcg"
        memory.write_text(f"{tried} {accel}")
    return accel


def _boots(qemu: Qemu, kernel: Kernel) -> bool:
    machine = ["-M", "q35", *acceleration("kvm"), "-m", "512M", "-nodefaults", "-display", "none", "-no-reboot"]
    boot = ["-kernel", str(kernel.image), "-initrd", str(kernel.initramfs)]
    append = ["-append", "console=ttyS0 panic=-1 lab.probe", "-serial", "stdio"]
    try:
        ended = subprocess.run(
            [*qemu.command, *machine, *boot, *append],
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            timeout=_SECONDS,
            check=False,
        )
    except subprocess.TimeoutExpired:
        return False
    return b"LAB probe ok" in ended.stdout
