"""``iovtop migrate``: move a running VM to a QEMU that waits for it, and say where it runs in the end."""

from __future__ import annotations

import argparse
import asyncio
import contextlib
import re
import signal
import sys
from collections.abc import Callable
from typing import Any

from backend.cli.exits import CommandError, Exit
from backend.cli.machines import find_vm
from backend.cli.open_host import open_named_simulation
from backend.cli.snapshot import take
from backend.cli.why import print_readiness
from backend.host.doors import HostDoors
from backend.migration.engine import Controls, Options, QmpMigration
from backend.migration.readiness import find_out
from backend.migration.sides import Party
from backend.model.migration import Progress, Verdict
from backend.model.vm import Vm, VmManager
from backend.vmm.errors import MonitorAbsent, VmmError

_RATE = re.compile(r"(\d+(?:\.\d+)?)([kmg]?)\Z", re.ASCII | re.IGNORECASE)
_UNITS = {"": 0, "k": 10, "m": 20, "g": 30}
_LINE_EVERY = 2.0
"""Seconds between two plain lines while nothing changes."""


def add_options(parser: argparse.ArgumentParser) -> None:
    """Add the verb's options."""
    parser.add_argument("vm", metavar="VM", help="its name, pid or UUID")
    parser.add_argument(
        "destination", metavar="DEST", help="monitor (QMP socket) of a QEMU started with -incoming defer"
    )
    parser.add_argument("--qmp", default="", metavar="PATH", help="the VM's monitor, instead of the one it was given")
    parser.add_argument("--to-sim", default="", metavar="NAME", help="the simulated host on which DEST is")
    parser.add_argument(
        "--uri", default="", help="where DEST listens, as tcp:HOST:PORT (default: a socket beside DEST)"
    )
    parser.add_argument("--bandwidth", metavar="RATE", help="bytes a second at most, as in 200M; 0 = no limit")
    parser.add_argument("--downtime", type=int, default=300, metavar="MS", help="how long the guest may stand still")
    parser.add_argument("--hold", action="store_true", help="wait for Enter before the switchover")
    parser.add_argument("--yes", action="store_true", help="do not ask")
    parser.add_argument("--format", choices=("text", "json"), default="text", help="json: a line for each event")


def run(doors: HostDoors, options: argparse.Namespace) -> Exit:
    """Migrate."""
    wanted = _options(options)
    host = take(doors)
    vm = find_vm(host, options.vm)
    if vm.manager is VmManager.LIBVIRT and not options.qmp:
        raise CommandError(
            f"{vm.name} belongs to libvirt: `virsh migrate --live --p2p --verbose {vm.name} URI` moves it"
        )
    path = options.qmp or next(iter(vm.monitors), "")
    if not path:
        raise CommandError(f"{vm.name} was started without a monitor (-qmp): name one with --qmp")
    ready = asyncio.run(find_out(doors, host, vm, monitor=options.qmp))
    if not ready.ready:
        print_readiness(ready, as_json=options.format == "json")
        raise CommandError("nothing was started", Exit.REFUSED)
    _confirm(vm, options)
    there = open_named_simulation(options.to_sim) if options.to_sim else doors
    with contextlib.closing(there) if there is not doors else contextlib.nullcontext():
        source = Party(doors, vm.name, path, None if options.qmp else vm.pid, vm.uid)
        destination = Party(there, vm.name, options.destination, uid=vm.uid)
        verdict = asyncio.run(_migrate(source, destination, wanted, options))
    return Exit.OK if verdict.moved else Exit.FAILED


def _options(options: argparse.Namespace) -> Options:
    bandwidth = None
    if options.bandwidth is not None:
        match = _RATE.match(options.bandwidth)
        if match is None:
            raise CommandError(f"--bandwidth {options.bandwidth}: write bytes a second, as in 200M or 1.5G")
        bandwidth = int(float(match[1]) * (1 << _UNITS[match[2].lower()]))
    if not 0 <= options.downtime <= 2_000_000:
        raise CommandError("--downtime takes 0 to 2000000 milliseconds")
    if options.hold and not sys.stdin.isatty():
        raise CommandError("--hold waits for Enter: it needs a terminal")
    return Options(bandwidth, options.downtime / 1000, options.hold, options.uri)


def _confirm(vm: Vm, options: argparse.Namespace) -> None:
    if options.yes:
        return
    if not sys.stdin.isatty():
        raise CommandError("migrating moves a running VM: add --yes where nobody can be asked")
    sys.stderr.write(f"migrate {vm.name} (pid {vm.pid}) to {options.destination}? [y/N] ")
    sys.stderr.flush()
    if sys.stdin.readline().strip().lower() not in ("y", "yes"):
        raise CommandError("nothing was done", Exit.INTERRUPTED)


async def _migrate(source: Party, destination: Party, wanted: Options, options: argparse.Namespace) -> Verdict:
    controls = Controls()
    loop = asyncio.get_running_loop()
    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        loop.add_signal_handler(number, _ask_to_cancel, controls)
    if wanted.hold:
        loop.add_reader(sys.stdin.fileno(), _switch_over, controls)
    migration = QmpMigration(source, destination, wanted, controls)
    show, finish = _display(options)
    try:
        async for progress in migration.run():
            show(progress)
    except VmmError as error:
        code = Exit.NO_DEVICE if isinstance(error, MonitorAbsent) else Exit.REFUSED
        raise CommandError(f"nothing was started: {error}", code) from error
    finally:
        finish()
        await source.close()
        await destination.close()
    assert migration.verdict is not None
    _tell(migration.verdict, options)
    return migration.verdict


def _ask_to_cancel(controls: Controls) -> None:
    words = "already asked to cancel" if controls.cancel.is_set() else "cancelling"
    sys.stderr.write(f"iovtop: {words}; waiting to hear where the VM runs\n")
    controls.cancel.set()


def _switch_over(controls: Controls) -> None:
    sys.stdin.readline()
    controls.go.set()


def _display(options: argparse.Namespace) -> tuple[Callable[[Progress], None], Callable[[], None]]:
    """Return what shows each progress, and what ends the showing."""
    if options.format == "json":
        return lambda progress: _write({"progress": progress}), lambda: None
    from backend.present.migrating import progress_line, progress_panel

    if not (sys.stdout.isatty() and sys.stderr.isatty()):
        last: list[Progress] = []

        def line(progress: Progress) -> None:
            changed = not last or (last[0].phase, last[0].passes // 50) != (progress.phase, progress.passes // 50)
            if changed or last[0].stall != progress.stall or progress.at - last[0].at >= _LINE_EVERY:
                last[:] = [progress]
                sys.stdout.write(progress_line(progress) + "\n")
                sys.stdout.flush()

        return line, lambda: None
    from rich.live import Live
    from rich.text import Text

    ascii_only = "utf" not in (sys.stdout.encoding or "").lower()
    live = Live(auto_refresh=False, transient=False)
    live.start()

    def panel(progress: Progress) -> None:
        live.update(
            Text("\n".join(progress_panel(progress, ascii_only)), no_wrap=True, overflow="ellipsis"), refresh=True
        )

    return panel, live.stop


def _tell(verdict: Verdict, options: argparse.Namespace) -> None:
    if options.format == "json":
        _write({"verdict": verdict})
        return
    from backend.present.migrating import verdict_lines

    sys.stdout.write("\n".join(verdict_lines(verdict)) + "\n")


def _write(record: dict[str, Any]) -> None:
    from backend.report.document import encode

    sys.stdout.write(encode(record).decode() + "\n")
    sys.stdout.flush()
