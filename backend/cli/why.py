"""``iovtop why``: all that stands in the way of a VM's live migration."""

from __future__ import annotations

import argparse
import asyncio
import sys

from backend.cli.compare import add_libvirt
from backend.cli.exits import CommandError, Exit
from backend.cli.machines import find_vm
from backend.cli.output import say_source, write_json
from backend.cli.snapshot import take
from backend.host.doors import HostDoors
from backend.migration.readiness import find_out
from backend.model.migration import Readiness


def add_options(parser: argparse.ArgumentParser) -> None:
    """Add the verb's options."""
    parser.add_argument("vm", metavar="VM", help="its name, pid or UUID")
    parser.add_argument("--qmp", default="", metavar="PATH", help="the monitor to ask instead of the one it was given")
    add_libvirt(parser)
    parser.add_argument(
        "--ask-qemu", action="store_true",
        help="of a VM of libvirt: let libvirt ask QEMU for its reasons too; marks the domain as tainted until it ends",
    )  # fmt: skip
    parser.add_argument(
        "--measure", type=int, default=0, metavar="SECONDS", help="let QEMU measure how fast the guest dirties memory"
    )
    parser.add_argument("--format", choices=("text", "json"), default="text")
    parser.add_argument("--json", dest="format", action="store_const", const="json", help="the same as --format json")


def run(doors: HostDoors, options: argparse.Namespace) -> Exit:
    """Print every reason."""
    if not 0 <= options.measure <= 60:
        raise CommandError("--measure takes 1 to 60 seconds")
    host = take(doors)
    vm = find_vm(host, options.vm)
    found = asyncio.run(
        find_out(
            doors, host, vm, monitor=options.qmp, dirty_seconds=options.measure, libvirt=options.libvirt,
            ask_qemu=options.ask_qemu,
        )
    )  # fmt: skip
    print_readiness(doors, found, as_json=options.format == "json")
    if found.ready is None:
        return Exit.PARTIAL
    return Exit.OK if found.ready else Exit.FINDING


def print_readiness(doors: HostDoors, found: Readiness, *, as_json: bool) -> None:
    """Write it to standard output."""
    if as_json:
        write_json(found, doors)
        return
    from backend.present.migrating import readiness_lines

    say_source(doors)
    sys.stdout.write("\n".join(readiness_lines(found)) + "\n")
