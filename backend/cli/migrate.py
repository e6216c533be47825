"""``iovtop migrate``: move a running VM to a QEMU that waits for it, and say where it runs in the end."""

from __future__ import annotations

import argparse
import asyncio
import contextlib
import shlex
import sys

from backend.cli.amounts import parse_bytes
from backend.cli.asking import agreed
from backend.cli.compare import add_destination, by_libvirt, check_destination, check_simulation, print_comparison
from backend.cli.exits import CommandError, Exit
from backend.cli.following import follow
from backend.cli.machines import find_vm
from backend.cli.open_jobs import open_jobs
from backend.cli.output import say_source
from backend.cli.snapshot import take
from backend.cli.why import print_readiness
from backend.cli.wired import add_certificates, add_wire, wire_of
from backend.host.caller import caller
from backend.host.doors import HostDoors
from backend.migration.arranging import arrange
from backend.migration.jobs.starting import Jobs, NotStarted
from backend.migration.planning import place_of, plan_move
from backend.migration.readiness import find_out
from backend.model.job import Move
from backend.model.migration import Readiness, Strategy
from backend.model.vm import Vm
from backend.vmm.libvirtd import default_uri


def add_options(parser: argparse.ArgumentParser) -> None:
    """Add the verb's options."""
    parser.add_argument("vm", metavar="VM", help="its name, pid or UUID")
    add_destination(parser)
    parser.add_argument("--qmp", default="", metavar="PATH", help="the VM's monitor, instead of the one it was given")
    parser.add_argument(
        "--uri",
        default="",
        help="where DEST listens, as tcp:HOST:PORT, of a libvirt tcp://HOST (default: a socket beside DEST; what "
        "libvirt there chooses)",
    )
    add_limits(parser, downtime=300)
    add_wire(parser, tls="between two QEMUs with --uri tcp:HOST:PORT")
    add_certificates(parser)
    parser.add_argument(
        "--detach", action="store_true", help="do not follow it: it goes on by itself, and `iovtop jobs` finds it"
    )
    parser.add_argument(
        "--strategy", choices=[str(one) for one in Strategy], default="",
        help="how its devices get across; without it the best one that leaves the guest its devices",
    )  # fmt: skip
    parser.add_argument("--hold", action="store_true", help="wait for Enter before the switchover")
    parser.add_argument("--yes", action="store_true", help="do not ask")
    parser.add_argument("--format", choices=("text", "json"), default="text", help="json: a line for each event")
    parser.add_argument("--json", dest="format", action="store_const", const="json", help="the same as --format json")


def run(doors: HostDoors, options: argparse.Namespace) -> Exit:
    """Migrate."""
    bandwidth, downtime = limits(options)
    check_destination(options.destination)
    check_simulation(doors, options.to_sim)
    if options.hold and not options.detach and not sys.stdin.isatty():
        raise CommandError("--hold waits for Enter: it needs a terminal, or --detach")
    if options.detach and doors.source.kind == "simulated":
        raise CommandError("--detach: a simulated host ends with this command, and so would its migration")
    host = take(doors)
    vm = find_vm(host, options.vm)
    theirs = by_libvirt(doors, vm, options)
    path = "" if theirs else options.qmp or next(iter(vm.monitors), "")
    if not path and not theirs:
        raise CommandError(f"{vm.name} was started without a monitor (-qmp): name one with --qmp")
    ready = asyncio.run(find_out(doors, host, vm, monitor=options.qmp, libvirt=options.libvirt))
    strategy = _strategy(doors, ready, options)
    move = Move(
        vm.name, path, options.destination, None if options.qmp else vm.pid, vm.uid, options.to_sim, strategy,
        bandwidth=bandwidth, downtime=0.3 if downtime is None else downtime, hold=options.hold, uri=options.uri,
        wire=wire_of(options, libvirt=theirs),
        libvirt=(options.libvirt or default_uri()) if theirs else "", uuid=vm.uuid if theirs else "",
    )  # fmt: skip
    with contextlib.closing(open_jobs(doors)) as jobs:
        there = jobs.host(move.host)
        other = host if there is doors else take(there)
        found = asyncio.run(arrange((doors, host), vm, (there, other), move, monitor=options.qmp, readiness=ready))
        if found.comparison.ready is False:
            print_comparison(doors, found.comparison, as_json=options.format == "json")
            raise CommandError("nothing was started", Exit.REFUSED)
        if options.format == "text":
            say_source(doors)
        _confirm(vm, found.move, options)
        return asyncio.run(_migrate(jobs, found.move, options))


def _strategy(doors: HostDoors, ready: Readiness, options: argparse.Namespace) -> Strategy:
    """Return what was asked for, or the best strategy that leaves the guest its devices. Raises ``CommandError``."""
    wanted = [Strategy(options.strategy)] if options.strategy else [Strategy.VFIO, Strategy.FAILOVER]
    for strategy in wanted:
        way = ready.way(strategy)
        if way is not None and way.possible:
            return strategy
    print_readiness(doors, ready, as_json=options.format == "json")
    unplug = ready.way(Strategy.UNPLUG)
    hint = ""
    if options.strategy:
        way = ready.way(Strategy(options.strategy))
        hint = (
            f": --strategy {options.strategy} is not possible: {'QEMU was not asked' if way is None else way.why_not}"
        )
    elif unplug is not None and unplug.possible:
        hint = f"; --strategy unplug is possible: {unplug.explained}"
    raise CommandError(f"nothing was started{hint}", Exit.REFUSED)


async def _migrate(jobs: Jobs, move: Move, options: argparse.Namespace) -> Exit:
    try:
        job = await jobs.start(move, caller())
    except (NotStarted, OSError) as error:
        raise CommandError(f"nothing was started: {error}", Exit.FAILED) from error
    if options.detach:
        sys.stdout.write(f"job {job.number}; `iovtop jobs watch {job.number}` follows it\n")
        return Exit.OK
    return await follow(jobs, job.number, as_json=options.format == "json", ask=options.hold)


def add_limits(parser: argparse.ArgumentParser, *, downtime: int | None) -> None:
    """Add the options of both limits."""
    parser.add_argument("--bandwidth", metavar="RATE", help="bytes a second at most, as in 200M; 0 = no limit")
    parser.add_argument(
        "--downtime", type=int, default=downtime, metavar="MS", help="how long the guest may stand still"
    )


def limits(options: argparse.Namespace) -> tuple[int | None, float | None]:
    """Return bandwidth and downtime limit as they were typed. Raises ``CommandError``."""
    bandwidth = None
    if options.bandwidth is not None:
        bandwidth = parse_bytes(options.bandwidth, "--bandwidth", "bytes a second")
    if options.downtime is None:
        return bandwidth, None
    if not 0 <= options.downtime <= 2_000_000:
        raise CommandError("--downtime takes 0 to 2000000 milliseconds")
    return bandwidth, options.downtime / 1000


def _confirm(vm: Vm, move: Move, options: argparse.Namespace) -> None:
    if options.yes:
        return
    if not sys.stdin.isatty():
        raise CommandError("migrating moves a running VM: add --yes where nobody can be asked")
    if move.command:
        sys.stderr.write(f"this is started first, and ended again if the VM stays:\n  {shlex.join(move.command)}\n")
    for text in plan_move(move).consequences:
        sys.stderr.write(f"{text}\n")
    if not agreed(f"migrate {vm.name} (pid {vm.pid}) to {place_of(move)}?"):
        raise CommandError("nothing was done", Exit.INTERRUPTED)
