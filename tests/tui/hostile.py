"""A host whose every free text is hostile, behind the real screen: ``python -m tests.tui.hostile``."""

from __future__ import annotations

import os
import sys
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

from backend.cli.settings import Settings
from backend.probe import names
from backend.simhost.build import build
from backend.simhost.clock import RealClock
from backend.simhost.files import SimulatedDirectory, SimulatedFiles
from backend.simhost.host import SimulatedHost
from backend.simhost.scenario import (
    FunctionSpec,
    HostSpec,
    MdevSpec,
    MountSpec,
    NetSpec,
    NvmeSpec,
    ParentSpec,
    PortSpec,
    ProcessSpec,
    Scenario,
    VfSpec,
    VmSpec,
)

MARK = "Zq"
"""Stands before every payload, to see where one arrives."""

PAYLOADS = (
    "\x1b[31mred",
    "\x1b[2J\x1b[H",
    "\x1b]0;pwned\x07",
    "\x1b]52;c;cm0gLXJmIC8=\x07",
    "\x9b31m",
    "\x9d0;pwned\x9c",
    "\x1bPq#0\x1b\\",
    "\x1b_Gpwned\x1b\\",
    "[/",
    "[00] foo",
    "[/magenta]x",
    "[link=file:///etc/passwd]x",
    "[@click=app.quit]click[/]",
    "\u202egpj.exe",
    "a\u200d\u200db\ufeff\U000e0041",
    "a\nb\rc",
    "漢漢漢",
    "e" + "\u0301" * 50,
    "a\tb\x0e\x0f\x08",
)
"""Escape sequences of every kind, 8-bit controls, markup, bidirectional and invisible characters, and what is wide."""

EVERYTHING = MARK + " ".join(PAYLOADS)
RAW = EVERYTHING.encode() + b"ab\xff\x00\xed\xb3\xbf"
"""With bytes that no text has: no UTF-8, NUL, a surrogate."""


def scenario() -> Scenario:
    """Return a host with one PF, one VM and one disk for each payload, named by it."""
    functions: list[FunctionSpec] = []
    vms, mounts, processes = [], [], []
    for number, payload in enumerate(PAYLOADS):
        address, vf = f"0000:{number + 1:02x}:00.0", f"0000:{number + 1:02x}:01.0"
        name = (MARK + payload).replace("/", "")
        functions.append(
            FunctionSpec(address, "e810", net=NetSpec(name=name, up=True), vfs=1, vf=(VfSpec((0,), driver="vfio-pci"),))
        )
        functions[-1] = replace(functions[-1], correctable=number + 1, link=("2.5 GT/s PCIe", 1))
        disk = NvmeSpec(f"nvme{number}", model=name, serial=name, sectors=1000, partitions=1)
        functions.append(FunctionSpec(f"0000:{number + 65:02x}:00.0", "nvme-ssd", nvme=disk))
        if number % 2:
            vms.append(VmSpec(name, (vf,), pid=7000 + number, user=name))
        else:
            processes.append(ProcessSpec(name, 8000 + number, (name, name), user=name, holds=(vf,)))
        mounts.append(MountSpec(f"/dev/nvme{number}n1p1", f"/{name}"))
    types = {"mtty-1": EVERYTHING, "mtty-2": EVERYTHING}
    port = (PortSpec("0000:00:01.0", (1, 200)),)
    return Scenario(
        HostSpec(EVERYTHING, f"6.12.{EVERYTHING}", EVERYTHING), port=port, function=tuple(functions),
        mount=tuple(mounts),
        mdev_parent=(ParentSpec("mtty", "mtty", labels=types),), vm=tuple(vms), process=tuple(processes),
        mdev=(MdevSpec("83b8f4f2-509f-382f-3c1e-e6bfe0fa1002", "mtty", "mtty-1"),),
    )  # fmt: skip


_FREE = ("msi_bus", "label", "numa_node", "vpd", "power_state", "current_link_speed", "revision", "firmware_node")
"""Attributes that answer with every payload at once, as bytes."""


class HostileDirectory(SimulatedDirectory):
    """A directory in which attributes of free text are hostile."""

    def read(self, name: str, limit: int = 4096) -> bytes:
        """Return the payloads where the text is free."""
        found = super().read(name, limit)
        return RAW if name in _FREE else found


class HostileFiles(SimulatedFiles):
    """Some attributes of each device hold every payload."""

    def open_dir(self, path: str) -> SimulatedDirectory:
        """Open a directory whose attributes are hostile."""
        genuine = super().open_dir(path)
        return HostileDirectory(genuine._access, genuine._dir, genuine._path)


class HostileHost(SimulatedHost):
    """The whole of it."""

    def __init__(self) -> None:
        found = scenario()
        super().__init__(build(found, RealClock()), EVERYTHING)
        self.files = HostileFiles(self._access)


def main(arguments: Sequence[str]) -> None:
    """Open the screen on it."""
    from tui.run import run_app
    from tui.term.link import prepare

    ids = Path(os.environ["HOME"]) / "pci.ids"
    name = RAW.replace(b"\n", b" ")
    ids.write_bytes(b"8086  %b\n\t1592  %b\n\t1889  %b\n" % (name, name, name))
    names.PciNames.__init__.__defaults__ = ((str(ids),),)
    settings, _ = prepare(Settings(glyphs=arguments[0], log_file=None), os.environ)  # type: ignore[arg-type]
    os._exit(run_app(HostileHost(), settings))


if __name__ == "__main__":
    main(sys.argv[1:])
