"""``iovtop compare``: whether a destination can take a VM over, before anything is started."""

from __future__ import annotations

import argparse
import asyncio
import contextlib
import sys

from backend.cli.exits import CommandError, Exit
from backend.cli.machines import find_vm
from backend.cli.open_host import open_named_simulation
from backend.cli.snapshot import take
from backend.host.doors import HostDoors
from backend.migration.comparison import HERE, compare
from backend.model.migration import Comparison


def add_options(parser: argparse.ArgumentParser) -> None:
    """Add the verb's options."""
    parser.add_argument("vm", metavar="VM", help="its name, pid or UUID")
    add_destination(parser)
    parser.add_argument("--qmp", default="", metavar="PATH", help="the VM's monitor, instead of the one it was given")
    parser.add_argument("--format", choices=("text", "json"), default="text")
    parser.add_argument("--json", dest="format", action="store_const", const="json", help="the same as --format json")


def add_destination(parser: argparse.ArgumentParser) -> None:
    """Add what names a destination."""
    parser.add_argument(
        "destination", metavar="DEST",
        help=f"monitor (QMP socket) of a QEMU started with -incoming defer; {HERE}: one that is still to be started",
    )  # fmt: skip
    parser.add_argument("--to-sim", default="", metavar="NAME", help="the simulated host on which DEST is")


def run(doors: HostDoors, options: argparse.Namespace) -> Exit:
    """Print everything that differs."""
    check_destination(options.destination)
    host = take(doors)
    vm = find_vm(host, options.vm)
    there = open_named_simulation(options.to_sim) if options.to_sim else doors
    with contextlib.closing(there) if there is not doors else contextlib.nullcontext():
        other = take(there) if there is not doors else host
        found = asyncio.run(compare((doors, host), vm, (there, other), options.destination, monitor=options.qmp))
    print_comparison(found, as_json=options.format == "json")
    if found.ready is None:
        return Exit.PARTIAL
    return Exit.OK if found.ready else Exit.FINDING


def print_comparison(found: Comparison, *, as_json: bool) -> None:
    """Write it to standard output."""
    if as_json:
        from backend.report.document import encode

        sys.stdout.write(encode(found).decode() + "\n")
        return
    from backend.present.migrating import comparison_lines

    sys.stdout.write("".join(f"{line}\n" for line in comparison_lines(found)))


def check_destination(text: str) -> None:
    """Raise ``CommandError`` for what names no destination."""
    if text != HERE and not text.startswith("/"):
        raise CommandError(f"DEST {text!r}: write the absolute path of a QMP socket, or {HERE}")
