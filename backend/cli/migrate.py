"""``iovtop migrate``: move a running VM to a QEMU that waits for it, and say where it runs in the end."""

from __future__ import annotations

import argparse
import asyncio
import contextlib
import os
import shlex
import sys
from collections.abc import Mapping
from dataclasses import replace

from backend.cli.amounts import parse_bytes
from backend.cli.asking import agreed
from backend.cli.compare import (
    add_destination,
    by_libvirt,
    check_destination,
    compare_by_libvirt,
    print_comparison,
)
from backend.cli.exits import CommandError, Exit
from backend.cli.following import follow
from backend.cli.machines import find_vm
from backend.cli.open_jobs import open_jobs
from backend.cli.snapshot import take
from backend.cli.why import print_readiness
from backend.host.caller import caller
from backend.host.doors import HostDoors
from backend.migration.comparison import HERE, compare
from backend.migration.jobs.starting import Jobs, NotStarted
from backend.migration.planning import place_of, plan_move
from backend.migration.preparing import prepare
from backend.migration.readiness import find_out
from backend.model.host import Host
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
        devices=tuple(str(device.device) for device in ready.devices), bandwidth=bandwidth,
        downtime=0.3 if downtime is None else downtime, hold=options.hold, uri=options.uri,
    )  # fmt: skip
    with contextlib.closing(open_jobs(doors)) as jobs:
        if theirs:
            move = _compared_by_libvirt(doors, host, vm, move, options)
        else:
            move = _compared(doors, host, vm, jobs, move, options)
        _confirm(vm, move, options)
        return asyncio.run(_migrate(jobs, move, options))


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
    if unplug is not None and unplug.possible and not options.strategy:
        hint = f"; --strategy unplug is possible: {unplug.explained}"
    raise CommandError(f"nothing was started{hint}", Exit.REFUSED)


def _compared(doors: HostDoors, host: Host, vm: Vm, jobs: Jobs, move: Move, options: argparse.Namespace) -> Move:
    """Return the move with what is plugged in there, after a look at the destination. Raises ``CommandError``."""
    there = jobs.host(move.host)
    other = host if there is doors else take(there)
    unplugged = move.strategy is Strategy.UNPLUG
    found = asyncio.run(
        compare((doors, host), vm, (there, other), move.destination, monitor=options.qmp, unplugged=unplugged)
    )
    if found.ready is False:
        print_comparison(doors, found, as_json=options.format == "json")
        raise CommandError("nothing was started", Exit.REFUSED)
    pairs = dict(found.pairs)
    if move.destination == HERE:
        return _prepared(doors, host, vm, other, move, pairs)
    return replace(move, plugs=tuple((device, pairs.get(device, "")) for device in move.devices)) if unplugged else move


def _compared_by_libvirt(doors: HostDoors, host: Host, vm: Vm, move: Move, options: argparse.Namespace) -> Move:
    """Return the move with what takes the place of what, after a look at both libvirts. Raises ``CommandError``."""
    found = compare_by_libvirt(host, vm, options)
    if found.ready is False:
        print_comparison(doors, found, as_json=options.format == "json")
        raise CommandError("nothing was started", Exit.REFUSED)
    return replace(move, libvirt=options.libvirt or default_uri(), uuid=vm.uuid, plugs=found.pairs)


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


def _prepared(doors: HostDoors, host: Host, vm: Vm, there: Host, move: Move, pairs: Mapping[str, str]) -> Move:
    """Return a move to a destination that is still to be started. Raises ``CommandError`` where it cannot be."""
    unplugged = move.strategy is Strategy.UNPLUG
    swaps = {device: "" if unplugged else pairs.get(device, "") for device in move.devices}
    uid = os.geteuid() if doors.source.kind == "live" else vm.uid or 0
    found, reasons = prepare(doors, host, vm, move.monitor, swaps, there, uid)
    if reasons:
        words = "; ".join(f"{reason.cause}" for reason in reasons)
        raise CommandError(f"nothing was started: {words}: {reasons[0].remedy}", Exit.REFUSED)
    plugs = tuple((device, pairs.get(device, "")) for device in move.devices) if unplugged else ()
    return replace(move, destination=found.monitor, command=found.command, folder=found.folder, plugs=plugs)


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
