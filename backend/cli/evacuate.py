"""``iovtop evacuate``: move all VMs of a host away, as many at once as its PFs and links bear."""

from __future__ import annotations

import argparse
import asyncio
import contextlib
import sys
import uuid
from collections.abc import Sequence

from backend.cli.amounts import whole
from backend.cli.asking import agreed
from backend.cli.change import show_plan
from backend.cli.compare import add_libvirt, check_simulation
from backend.cli.dry_run import add_option as add_dry_run
from backend.cli.exits import CommandError, Exit
from backend.cli.following import follow_all
from backend.cli.machines import find_vm
from backend.cli.migrate import add_limits, limits
from backend.cli.open_jobs import open_jobs
from backend.cli.output import say_source
from backend.cli.snapshot import take
from backend.cli.wired import add_wire, wire_between_libvirts
from backend.host.caller import caller
from backend.host.doors import HostDoors
from backend.migration.evacuation import leavers, plan_evacuation
from backend.migration.jobs.starting import Jobs, NotStarted
from backend.migration.planning import plan_leaving
from backend.model.job import Limits, Move
from backend.model.migration import Strategy
from backend.vmm.libvirtd import default_uri


def add_options(parser: argparse.ArgumentParser) -> None:
    """Add the verb's options."""
    parser.add_argument("vms", nargs="*", metavar="VM", help="only these: name, pid or UUID; without any: all")
    parser.add_argument("--to", default="", metavar="URI", help="the libvirt that takes the VMs of libvirt")
    add_libvirt(parser)
    parser.add_argument("--to-sim", default="", metavar="NAME", help="the simulated host that takes them")
    parser.add_argument(
        "--those-that-can", action="store_true", help="begin although some cannot go; without it, it is all or nothing"
    )
    parser.add_argument(
        "--at-once", type=whole(1), default=Limits().per_link, metavar="N", help="VMs under way at once (default: 2)"
    )
    parser.add_argument(
        "--per-pf", type=whole(1), default=Limits().per_pf, metavar="N",
        help="functions of one PF, or mdevs of one parent, under way at once (default: 4)",
    )  # fmt: skip
    parser.add_argument(
        "--strategy", choices=[str(one) for one in Strategy], default="",
        help="how devices get across; without it the best one for each VM that leaves the guest its devices",
    )  # fmt: skip
    add_limits(parser, downtime=300)
    add_wire(parser, tls="only with --to")
    parser.add_argument(
        "--detach", action="store_true", help="do not follow: they go on by themselves, and `iovtop jobs` finds them"
    )
    add_dry_run(parser)
    parser.add_argument("-y", "--yes", action="store_true", help="do not ask; needed where there is no terminal")
    parser.add_argument("--json", action="store_true", help="a line of JSON for the plan and for each event")


def run(doors: HostDoors, options: argparse.Namespace) -> Exit:
    """Plan, show, ask, start and follow."""
    bandwidth, downtime = limits(options)
    if options.to and "://" not in options.to:
        raise CommandError(f"--to {options.to!r}: write the URI of a libvirt, as in qemu+ssh://HOST/system")
    if options.tls and not options.to:
        raise CommandError("--tls goes with --to URI: what stays on this host is not encrypted")
    check_simulation(doors, options.to_sim)
    if options.detach and doors.source.kind == "simulated":
        raise CommandError("--detach: a simulated host ends with this command, and so would its migrations")
    host = take(doors)
    vms = [find_vm(host, name) for name in options.vms] if options.vms else leavers(host)
    if not vms and not options.json:
        say_source(doors)
        sys.stdout.write("no VM is seen on this host\n")
    if not vms:
        return Exit.OK
    with contextlib.closing(open_jobs(doors)) as jobs:
        wished = Move(
            "", "", options.to, host=options.to_sim, bandwidth=bandwidth,
            downtime=0.3 if downtime is None else downtime,
            libvirt=(options.libvirt or default_uri()) if options.to else "",
            wire=wire_between_libvirts(options),
            limits=Limits(options.per_pf, options.at_once), evacuation=uuid.uuid4().hex[:8],
        )  # fmt: skip
        there = jobs.host(options.to_sim)
        other = host if there is doors else take(there)
        strategy = Strategy(options.strategy) if options.strategy else None
        found = asyncio.run(plan_evacuation((doors, host), (there, other), vms, wished, strategy))
        plan = plan_leaving(found, those_that_can=options.those_that_can)
        show_plan(doors, plan, options)
        moves = [one.move for one in found if one.move is not None]
        if options.dry_run is not None:
            return Exit.REFUSED if plan.broken else Exit.OK
        if plan.broken:
            hint = "; --those-that-can begins with the others" if moves else ""
            stay = len(found) - len(moves)
            raise CommandError(f"nothing was started: {stay} of {len(found)} VMs cannot go{hint}", Exit.REFUSED)
        _confirm(moves, options)
        return asyncio.run(_evacuate(jobs, moves, options))


def _confirm(moves: Sequence[Move], options: argparse.Namespace) -> None:
    if options.yes:
        return
    if not sys.stdin.isatty():
        raise CommandError("evacuating moves running VMs: add --yes where nobody can be asked")
    if not agreed(f"migrate {len(moves)} VMs, {options.at_once} at once?"):
        raise CommandError("nothing was done", Exit.INTERRUPTED)


async def _evacuate(jobs: Jobs, moves: Sequence[Move], options: argparse.Namespace) -> Exit:
    numbers = []
    for move in moves:
        try:
            numbers.append((await jobs.start(move, caller())).number)
        except (NotStarted, OSError) as error:
            sys.stderr.write(f"iovtop: {move.vm}: nothing was started: {error}\n")
    if not numbers:
        raise CommandError("nothing was started", Exit.FAILED)
    if options.detach:
        sys.stdout.write(f"jobs {numbers[0]} to {numbers[-1]}; `iovtop jobs` lists them\n")
        return Exit.OK
    ended = await follow_all(jobs, numbers, as_json=options.json)
    return ended if len(numbers) == len(moves) else Exit.FAILED
