"""``iovtop snapshot``: the host once, as text or JSON."""

from __future__ import annotations

import argparse
import gc
import os
import sys
from typing import TYPE_CHECKING

from backend.cli.exits import CommandError, Exit
from backend.cli.output import write_json
from backend.findings import find
from backend.host.doors import HostDoors, StillWaiting
from backend.model.facts import FactState
from backend.model.host import HolderScan, Host
from backend.model.severity import Severity
from backend.model.steps import at_once
from backend.present.view import View
from backend.probe.holders import HolderFindings
from backend.state.aside import start_scan
from backend.state.collect import Collector
from backend.state.policies import pfs_to_ask, read_policies_at_once

if TYPE_CHECKING:
    from backend.cli.settings import Settings
    from backend.present.columns import Column
    from backend.present.filter import Query

# Columns, trees and the filter are imported by the reports that use them: JSON of a whole host needs none.

HOLDER_DEADLINE = 10.0
"""Seconds after which a report goes out without the holders that did not come."""


def add_options(parser: argparse.ArgumentParser) -> None:
    """Add the verb's options."""
    parser.add_argument("--format", choices=("text", "json"), default="text")
    parser.add_argument("--json", dest="format", action="store_const", const="json", help="the same as --format json")
    parser.add_argument("--view", choices=[view.value for view in View], help="which tree (text only)")
    parser.add_argument(
        "--filter", default="", metavar="QUERY", help="only devices that match, as in 'driver:vfio* !free'"
    )
    parser.add_argument("--columns", metavar="A,B", help="columns in order (text only); a wrong name lists them all")
    parser.add_argument("--full", action="store_true", help="read reset methods and power state of every VF too")
    parser.add_argument("--check", action="store_true", help="exit 1 when there is a finding of warning or worse")
    parser.add_argument("--ascii", action="store_true", help="no signs beyond ASCII")


def run(doors: HostDoors, options: argparse.Namespace) -> Exit:
    """Print the snapshot."""
    query = parse_filter(options.filter)
    if options.format == "json":
        if options.columns or options.view:
            raise CommandError(
                "--view and --columns shape the text; JSON always holds everything that --filter lets through"
            )
        host = take(doors, full=options.full)
        _print_json(host, query)
    else:
        columns = parse_columns(options.columns)
        host = take(doors)
        _print_text(host, View(options.view or View.DEVICES), query, columns, ascii_only=options.ascii)
    return verdict(host, check=options.check)


def print_plain_host(doors: HostDoors, settings: Settings) -> Exit:
    """Print what the screen would show, for a place that has no screen."""
    query = parse_filter(settings.filter)
    _print_text(take(doors), settings.view, query, parse_columns(None), ascii_only=settings.glyphs == "ascii")
    return Exit.OK


def take(doors: HostDoors, *, full: bool = False) -> Host:
    """Return the host as it is now, holders included."""
    # A scan makes half a million small objects and no cycles: collecting would only walk them again and again.
    gc.disable()
    pending = start_scan(doors)
    collector = Collector(doors, full=full)

    def holders() -> HolderFindings:
        try:
            return pending(HOLDER_DEADLINE)
        except (StillWaiting, ChildProcessError) as error:
            return HolderFindings((), HolderScan(False, reason=f"the look for holders failed: {error}"))

    at_once(collector.read_all(holders))
    assert collector.host is not None
    at_once(collector.set_policies(read_policies_at_once(doors, pfs_to_ask(collector.host.devices.values()))))
    return collector.host


def _print_text(host: Host, view: View, query: Query | None, columns: tuple[Column, ...], *, ascii_only: bool) -> None:
    from backend.present.filter import narrow
    from backend.present.glyphs import ASCII, glyphs_for
    from backend.present.tree import project
    from backend.report.text import render_text

    glyphs = ASCII if ascii_only else glyphs_for(sys.stdout.encoding or "", os.environ.get("TERM", ""))
    projection = project(host, view)
    if query is not None:
        projection = narrow(projection, query)
    sys.stdout.write("\n".join(render_text(projection, columns, glyphs)) + "\n")


def _print_json(host: Host, query: Query | None) -> None:
    from backend.report.document import document_of

    if query is None:
        document = document_of(host)
    else:
        devices = tuple(device for device in host.devices.values() if query.matches(host, device))
        document = document_of(host, devices, query.text)
    write_json(document)


def parse_filter(text: str, option: str = "--filter") -> Query | None:
    """Return the query, None for an empty one. Raises ``CommandError``, which names ``option``."""
    if not text.strip():
        return None
    from backend.present.filter import BadQueryError, parse_query

    try:
        return parse_query(text)
    except BadQueryError as error:
        raise CommandError(f"{option}: {error}") from error


def parse_columns(text: str | None) -> tuple[Column, ...]:
    """Return the columns named, or the usual ones. Raises ``CommandError`` for an unknown name."""
    from backend.present.columns import COLUMN_IDS, DEFAULT_COLUMNS, RATE_COLUMNS, columns_named
    from backend.present.filter import suggest

    names = [name.strip() for name in (text or "").split(",") if name.strip()]
    if measured := [column.id for column in RATE_COLUMNS if column.id in names]:
        raise CommandError(
            f"--columns: {measured[0]} is measured over time, and a snapshot is one look; the screen shows it, "
            "`iovtop record` keeps it"
        )
    try:
        return columns_named(names) if names else DEFAULT_COLUMNS
    except KeyError as error:
        name = str(error.args[0])
        known = ", ".join(COLUMN_IDS)
        raise CommandError(f"--columns: no column {name!r}{suggest(name, COLUMN_IDS)}; columns: {known}") from error


def verdict(host: Host, *, check: bool) -> Exit:
    """Return how a report ends: partial where something that should be readable was not."""
    states = {note.state for note in host.notes.values()}
    if states:
        return Exit.NO_PERMISSION if FactState.HIDDEN in states else Exit.PARTIAL
    if check and any(finding.severity is not Severity.INFO for finding in find(host)):
        return Exit.FINDING
    for device in host.devices.values():
        if any(
            note.state is FactState.UNKNOWN and "could not be read" in note.reason for note in device.notes.values()
        ):
            return Exit.PARTIAL
    return Exit.OK
