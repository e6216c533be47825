"""Options of what a migration goes over: connections side by side, encryption."""

from __future__ import annotations

import argparse

from backend.cli.exits import CommandError
from backend.model.job import Wire

CERTIFICATES = "/etc/pki/qemu"
"""Where libvirt's QEMUs look for theirs, unless told otherwise."""


def add_wire(parser: argparse.ArgumentParser, *, tls: str) -> None:
    """Add the options that two QEMUs and two libvirts know.

    Args:
        tls: what is said of encryption, beside what it does.
    """
    parser.add_argument(
        "--connections", type=int, metavar="N",
        help="send memory over so many connections side by side (QEMU's multifd); 1: over one",
    )  # fmt: skip
    parser.add_argument("--tls", action="store_true", help=f"encrypt what goes across; {tls}")


def add_certificates(parser: argparse.ArgumentParser) -> None:
    """Add the option that only QEMU wants."""
    parser.add_argument(
        "--certificates", default="", metavar="DIR",
        help=f"what both QEMUs encrypt with: ca-cert.pem and the others (default: {CERTIFICATES}); libvirt has its own",
    )  # fmt: skip


def wire_between_libvirts(options: argparse.Namespace) -> Wire:
    """Return what it goes over. Raises ``CommandError``."""
    return Wire(_connections(options), options.tls)


def wire_of(options: argparse.Namespace, *, libvirt: bool) -> Wire:
    """Return what it goes over, between two QEMUs if not between two libvirts. Raises ``CommandError``."""
    if options.certificates and libvirt:
        raise CommandError("--certificates is for two QEMUs: libvirt has its own, which its qemu.conf names")
    if options.certificates and not options.tls:
        raise CommandError("--certificates goes with --tls")
    if libvirt or not options.tls:
        return wire_between_libvirts(options)
    folder = options.certificates or CERTIFICATES
    if not folder.startswith("/"):
        raise CommandError(f"--certificates {folder}: write an absolute path: both QEMUs read it")
    if not options.uri.startswith("tcp:"):
        raise CommandError("--tls goes with --uri tcp:HOST:PORT: what passes a socket of this host is not encrypted")
    return Wire(_connections(options), encrypted=True, certificates=folder)


def _connections(options: argparse.Namespace) -> int:
    if options.connections is None:
        return 0
    if not 1 <= options.connections <= 255:
        raise CommandError(f"--connections {options.connections}: write 1 to 255")
    return int(options.connections)
