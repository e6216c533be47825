"""``iovtop log``: what was changed on this host, by whom, and how it ended."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Iterable, Sequence

from backend.cli.amounts import whole
from backend.cli.change import glyphs, opened, session
from backend.cli.exits import CommandError, Exit
from backend.cli.output import say_source, write_json
from backend.cli.settings import state_home
from backend.host.caller import caller
from backend.host.doors import HostDoors
from backend.model.operation import Entry
from backend.ops.journal_file import FileJournal
from backend.ops.operator import LocalOperator, Operator
from backend.report.journal import entry_data, entry_lines, journal_lines


def add_options(parser: argparse.ArgumentParser) -> None:
    """Add the verb's options."""
    parser.add_argument("operation", nargs="?", type=int, metavar="ID", help="everything about this operation")
    parser.add_argument("--count", type=whole(1), metavar="N", help="only the last N")
    parser.add_argument(
        "--own", action="store_true", help="what this user did without becoming root: migrations of own VMs"
    )
    parser.add_argument("--json", action="store_true", help="one JSON line for each operation, with its whole plan")


def run(doors: HostDoors, options: argparse.Namespace) -> Exit:
    """Print the journal."""
    with session(doors, _own(doors) if options.own else opened(doors, write=False)) as here:
        entries = here.wait(here.operator.log())
        damage = here.wait(here.operator.damage())
    if options.operation is not None:
        entries = [find(entries, options.operation)]
    elif options.count is not None:
        entries = entries[max(0, len(entries) - options.count) :]
    if options.json:
        for entry in entries:
            write_json(entry_data(entry), doors)
    elif options.operation is not None:
        say_source(doors)
        _print(entry_lines(entries[0], glyphs()))
    else:
        say_source(doors)
        _print(journal_lines(entries) if entries else ["nothing was changed yet"])
    for text in damage:
        sys.stderr.write(f"iovtop: {text}\n")
    return Exit.PARTIAL if damage else Exit.OK


async def _own(doors: HostDoors) -> Operator:
    return LocalOperator(doors, FileJournal(state_home(), doors.clock), caller())


def find(entries: Sequence[Entry], number: int) -> Entry:
    """Return an operation by its number. Raises ``CommandError``."""
    for entry in entries:
        if entry.operation == number:
            return entry
    raise CommandError(f"there is no operation {number}; `iovtop log` lists them", Exit.NO_DEVICE)


def _print(lines: Iterable[str]) -> None:
    for line in lines:
        sys.stdout.write(f"{line}\n")
