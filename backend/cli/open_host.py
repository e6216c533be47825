"""Which host a command looks at: this machine, a tree of files, or a simulated one."""

from __future__ import annotations

import argparse
import os
from typing import TYPE_CHECKING

from backend.cli.exits import CommandError

if TYPE_CHECKING:
    from backend.host.doors import HostDoors


def add_host_options(parser: argparse.ArgumentParser) -> None:
    """Add the global options that choose a host."""
    group = parser.add_argument_group("which host (default: this machine)")
    group.add_argument("--sim", metavar="NAME", help="a simulated host: lab, duo, vgpu, messy, bare, drift, scale")
    group.add_argument("--sysfs", metavar="DIR", help="a foreign /sys, as in a capture")
    group.add_argument("--procfs", metavar="DIR", help="the /proc that belongs to it")
    group.add_argument("--capture", metavar="FILE", help="a capture, packed or unpacked, as `iovtop capture` makes it")


def open_host(options: argparse.Namespace) -> HostDoors:
    """Return the doors of the host that the options name. Raises ``CommandError`` when there is no such."""
    if sum(map(bool, (options.sim, options.sysfs or options.procfs, options.capture))) > 1:
        raise CommandError("--sim, --capture and --sysfs/--procfs name different hosts: give one")
    if options.sim:
        return open_named_simulation(options.sim)
    if options.capture:
        return _open_capture(options.capture)
    for option, path in (("--sysfs", options.sysfs), ("--procfs", options.procfs)):
        if path and not os.path.isdir(path):
            raise CommandError(f"{option} {path}: no such directory")
    if options.sysfs and not os.path.isdir(os.path.join(options.sysfs, "bus")):
        raise CommandError(f"--sysfs {options.sysfs}: this is no /sys: it has no bus/ in it")
    from backend.host.linux import LinuxHost

    return LinuxHost(options.sysfs, options.procfs)


def open_named_simulation(name: str) -> HostDoors:
    """Return the simulated host called ``name``. Raises ``CommandError`` when there is no such."""
    from backend.simhost import UnknownScenario, open_simulated

    try:
        return open_simulated(name)
    except UnknownScenario as error:
        raise CommandError(str(error)) from error


def other_simulations(doors: HostDoors) -> list[str]:
    """Return the names of the simulated hosts of the same scenario, without this one; none for a real host."""
    if doors.source.kind != "simulated":
        return []
    from backend.simhost import scenario_files

    name, _, own = doors.source.detail.partition(":")
    hosts = [host for host in scenario_files().get(name, {}) if host]
    return [f"{name}:{host}" for host in hosts if host != (own or hosts[0])]


def _open_capture(path: str) -> HostDoors:
    from pathlib import Path

    from backend.host.captured import BadCapture, CapturedHost

    if not os.path.exists(path):
        raise CommandError(f"--capture {path}: no such file or folder")
    try:
        return CapturedHost(Path(path))
    except BadCapture as error:
        raise CommandError(f"--capture {error}") from error
