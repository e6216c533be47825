"""A real QEMU, where this machine has one: the system's, or the one that the lab unpacked."""

from __future__ import annotations

import functools
import glob
import os
import re
import shutil
import signal
import subprocess
from pathlib import Path

_LOAD = Path(__file__).with_name("load.bin")
_CYCLES, _END = 0x96, 0x9A
"""Where the boot sector keeps its two numbers (``nm load.o``)."""


@functools.cache
def find_qemu() -> str:
    """Return the command of QEMU, or "" where there is none."""
    named = os.environ.get("IOVTOP_QEMU")
    if named is not None:
        return named
    cache = os.environ.get("LAB_CACHE", os.path.expanduser("~/.cache/iovtop-lab"))
    unpacked = sorted(glob.glob(f"{cache}/qemu-*/qemu-system-x86_64"))
    return shutil.which("qemu-system-x86_64") or (unpacked[-1] if unpacked else "")


@functools.cache
def accelerator() -> str:
    """Return kvm where a guest starts with it, else tcg."""
    if not os.access("/dev/kvm", os.R_OK | os.W_OK):
        return "tcg"
    words = [
        find_qemu(),
        "-accel",
        "kvm",
        "-cpu",
        "qemu64",
        "-nodefaults",
        "-display",
        "none",
        "-S",
        "-monitor",
        "stdio",
    ]
    tried = subprocess.run(words, input="quit\n", capture_output=True, text=True, timeout=60, check=False)
    return "kvm" if tried.returncode == 0 else "tcg"


def load_image(folder: Path, *, pages_per_second: int, megabytes: int) -> Path:
    """Write a disk whose boot sector dirties so many pages a second among so many MiB."""
    image = bytearray(_LOAD.read_bytes().ljust(510, b"\0") + b"\x55\xaa")
    cycles = int(_tsc_hertz() / pages_per_second)
    image[_CYCLES : _CYCLES + 4] = cycles.to_bytes(4, "little")
    image[_END : _END + 4] = ((1 + megabytes) << 20).to_bytes(4, "little")
    path = folder / f"load-{pages_per_second}-{megabytes}.img"
    path.write_bytes(bytes(image).ljust(512 * 2048, b"\0"))
    return path


def _tsc_hertz() -> float:
    found = re.search(r"cpu MHz\s*: ([\d.]+)", Path("/proc/cpuinfo").read_text())
    return float(found[1]) * 1e6 if found else 2e9


class RealVm:
    """A running QEMU process with its monitor at ``monitor``."""

    def __init__(
        self,
        folder: Path,
        name: str,
        *extra: str,
        megabytes: int = 64,
        image: Path | None = None,
        incoming: bool = False,
    ) -> None:
        self.name = name
        self.monitor = str(folder / f"{name}.qmp")
        self.log = folder / f"{name}.log"
        self._console = folder / f"{name}.console"
        words = [find_qemu(), "-name", name, "-machine", "q35", "-accel", accelerator(), "-cpu", "qemu64"]
        words += ["-m", f"{megabytes}M", "-nodefaults", "-display", "none", "-no-reboot"]
        words += ["-uuid", "2c1b6f0e-0f0e-4d0c-8f0a-0d3f3a0c5a11"]
        words += ["-global", "ICH9-LPC.acpi-pci-hotplug-with-bridge-support=off"]
        words += ["-device", "pcie-root-port,id=rp0,chassis=1", "-device", "pcie-root-port,id=rp1,chassis=2"]
        words += ["-debugcon", f"file:{self._console}"]
        words += ["-qmp", f"unix:{self.monitor},server=on,wait=off", *extra]
        if image is not None:
            words += ["-drive", f"file={image},if=ide,format=raw,snapshot=off,file.locking=off,readonly=off"]
        if incoming:
            words += ["-incoming", "defer"]
        with self.log.open("wb") as log:
            self.process = subprocess.Popen(
                words, stdin=subprocess.DEVNULL, stdout=log, stderr=log, start_new_session=True
            )

    @property
    def pid(self) -> int:
        """The process."""
        return self.process.pid

    @property
    def loaded(self) -> bool:
        """Whether its guest has written to all the memory that it goes on to write to."""
        return self._console.exists() and b"!" in self._console.read_bytes()

    def kill(self) -> None:
        """Let it die as from a power cut."""
        self.process.kill()
        self.process.wait()

    def freeze(self) -> None:
        """Stop it, as a host that hangs does."""
        self.process.send_signal(signal.SIGSTOP)

    def thaw(self) -> None:
        """Let it go on."""
        self.process.send_signal(signal.SIGCONT)

    def close(self) -> None:
        """End it."""
        if self.process.poll() is None:
            self.kill()
