"""``iovtop compare``: whether a destination can take a VM over, before anything is started."""

from __future__ import annotations

import argparse
import asyncio
import contextlib
import sys

from backend.cli.exits import CommandError, Exit
from backend.cli.machines import find_vm
from backend.cli.open_host import open_named_simulation
from backend.cli.output import say_source, write_json
from backend.cli.snapshot import take
from backend.host.doors import HostDoors
from backend.migration.comparison import HERE, compare
from backend.migration.domain_comparison import compare_domains
from backend.migration.readiness import devices_of
from backend.model.host import Host
from backend.model.migration import Comparison
from backend.model.vm import Vm, VmManager
from backend.vmm.libvirtd import default_uri


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
        help=f"monitor (QMP socket) of a QEMU started with -incoming defer; {HERE}: one that is still to be started; "
        "for a VM of libvirt, the URI of another libvirt, as in qemu+ssh://HOST/system",
    )  # fmt: skip
    add_libvirt(parser)
    parser.add_argument("--to-sim", default="", metavar="NAME", help="the simulated host on which DEST is")


def add_libvirt(parser: argparse.ArgumentParser) -> None:
    """Add what names the libvirt that has the VM."""
    parser.add_argument(
        "--libvirt", default="", metavar="URI",
        help="the libvirt that has the VM (default: $LIBVIRT_DEFAULT_URI, else qemu:///system)",
    )  # fmt: skip


def run(doors: HostDoors, options: argparse.Namespace) -> Exit:
    """Print everything that differs."""
    check_destination(options.destination)
    check_simulation(doors, options.to_sim)
    host = take(doors)
    vm = find_vm(host, options.vm)
    if by_libvirt(doors, vm, options):
        return _print(doors, compare_by_libvirt(host, vm, options), options)
    there = open_named_simulation(options.to_sim) if options.to_sim else doors
    with contextlib.closing(there) if there is not doors else contextlib.nullcontext():
        other = take(there) if there is not doors else host
        found = asyncio.run(compare((doors, host), vm, (there, other), options.destination, monitor=options.qmp))
    return _print(doors, found, options)


def _print(doors: HostDoors, found: Comparison, options: argparse.Namespace) -> Exit:
    print_comparison(doors, found, as_json=options.format == "json")
    if found.ready is None:
        return Exit.PARTIAL
    return Exit.OK if found.ready else Exit.FINDING


def print_comparison(doors: HostDoors, found: Comparison, *, as_json: bool) -> None:
    """Write it to standard output."""
    if as_json:
        write_json(found, doors)
        return
    from backend.present.migrating import comparison_lines

    say_source(doors)
    sys.stdout.write("".join(f"{line}\n" for line in comparison_lines(found)))


def check_simulation(doors: HostDoors, name: str) -> None:
    """Raise ``CommandError`` where a simulated host is named for what is real."""
    if name and doors.source.kind != "simulated":
        raise CommandError(f"--to-sim {name}: only a simulated host (--sim) has simulated neighbours")


def check_destination(text: str) -> None:
    """Raise ``CommandError`` for what names no destination."""
    if text != HERE and not text.startswith("/") and not _is_uri(text):
        raise CommandError(f"DEST {text!r}: write the absolute path of a QMP socket, {HERE}, or the URI of a libvirt")


def by_libvirt(doors: HostDoors, vm: Vm, options: argparse.Namespace) -> bool:
    """Return whether a VM is moved by the libvirt that has it.

    Raises ``CommandError`` where the destination is of another kind than the VM.
    """
    theirs = vm.manager is VmManager.LIBVIRT and not options.qmp
    if theirs and not _is_uri(options.destination):
        raise CommandError(
            f"{vm.name} belongs to libvirt: DEST is the URI of another one, as in qemu+ssh://HOST/system"
        )
    if not theirs and _is_uri(options.destination):
        raise CommandError(f"{vm.name} is moved through its monitor: DEST is the QMP socket of a QEMU that waits")
    if theirs and doors.source.kind != "live":
        raise CommandError(f"{vm.name} belongs to libvirt, which this host is without: it is {doors.source.kind}")
    return theirs


def compare_by_libvirt(host: Host, vm: Vm, options: argparse.Namespace) -> Comparison:
    """Return in what another libvirt differs from the one that has a VM."""
    uri = options.libvirt or default_uri()
    return asyncio.run(compare_domains(uri, vm, devices_of(host, vm, None), options.destination))


def _is_uri(text: str) -> bool:
    return "://" in text
