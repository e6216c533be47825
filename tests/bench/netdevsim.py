"""VF lists of real netlink: 8 192 VFs of the kernel's own simulated cards, read as a tick does, beside others.

For the lab's kernel with netdevsim, as root, in a guest that is thrown away: ``python -m tests.bench.netdevsim
[EXPORTER]``. ``ip -s -j link`` is one peer; EXPORTER, built from exporter.go, reads as Prometheus exporters do.
"""

from __future__ import annotations

import os
import resource
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

from backend.host.rtnetlink import RouteSocket

CARDS, VFS, TICKS = 64, 128, 10
_BUS = Path("/sys/bus/netdevsim")


def make_cards() -> list[str]:
    """Make the cards with their VFs; return their interfaces."""
    subprocess.run(["modprobe", "netdevsim"], check=True)
    devices = [_BUS / f"devices/netdevsim{number}" for number in range(100, 100 + CARDS)]
    for number, device in enumerate(devices, 100):
        (_BUS / "new_device").write_text(f"{number} 1")
        Path(f"/sys/kernel/debug/netdevsim/netdevsim{number}/max_vfs").write_text(str(VFS))
        (device / "sriov_numvfs").write_text(str(VFS))
    subprocess.run(["udevadm", "settle"], check=True)  # it gives them other names
    return [name for device in devices for name in sorted(os.listdir(device / "net"))]


def spent(what: Callable[[], object], who: int) -> float:
    """Return the CPU seconds of ourselves or of our children that something takes."""
    before = resource.getrusage(who)
    what()
    after = resource.getrusage(who)
    return after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime


def as_exporters_do(program: str, interfaces: list[str]) -> float:
    """Return the CPU seconds of a round of a program built from exporter.go."""
    told = subprocess.run([program, str(TICKS), *interfaces], stdout=subprocess.PIPE, text=True, check=True).stdout
    seen, microseconds = map(int, told.split())
    assert seen == CARDS * VFS, seen
    return microseconds / 1e6


def main(*exporters: str) -> int:
    """Measure, and print a line for each."""
    interfaces = make_cards()
    seen = 0

    def ours() -> None:
        nonlocal seen
        for _ in range(TICKS):
            seen = sum(len(socket.vfs(name, statistics=True).vfs) for name in interfaces)

    def theirs() -> None:
        for _ in range(TICKS):
            subprocess.run(["ip", "-s", "-j", "link", "show"], stdout=subprocess.DEVNULL, check=True)

    with RouteSocket() as socket:
        ours()
        mine = spent(ours, resource.RUSAGE_SELF) / TICKS
    others = {"ip -s -j link": spent(theirs, resource.RUSAGE_CHILDREN) / TICKS}
    others |= {Path(program).name: as_exporters_do(program, interfaces) for program in exporters}
    print(f"{seen} VFs of {len(interfaces)} cards, CPU of a tick, mean of {TICKS}")
    for name, seconds in {"iovtop's reader": mine, **others}.items():
        ratio = f"  ours is {mine / seconds:.2f} of it" if name in others else ""
        print(f"{name:17} {seconds * 1e3:8.1f} ms  {seconds / seen * 1e6:6.1f} us for a VF{ratio}")
    return 0 if seen == CARDS * VFS else 1


if __name__ == "__main__":
    sys.exit(main(*sys.argv[1:]))
