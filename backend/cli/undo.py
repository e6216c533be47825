"""``iovtop undo``: take a change back, by a plan of its own against the host as it is now."""

from __future__ import annotations

import argparse
from collections.abc import Sequence

from backend.cli.change import Aim, add_change_options, carry_out, opened, session
from backend.cli.exits import CommandError, Exit
from backend.cli.log import find
from backend.host.doors import HostDoors
from backend.model.operation import Entry
from backend.model.plan import RunState


def add_options(parser: argparse.ArgumentParser) -> None:
    """Add the verb's options."""
    parser.add_argument(
        "operation",
        nargs="?",
        type=int,
        metavar="ID",
        help="number in `iovtop log`; without it the last that was not taken back",
    )
    add_change_options(parser)


def run(doors: HostDoors, options: argparse.Namespace) -> Exit:
    """Take it back."""
    with session(doors, opened(doors, write=options.dry_run is None)) as here:
        entries = here.wait(here.operator.log())
        entry = find(entries, options.operation) if options.operation is not None else _last(entries)
        _check(entry, entries)
        return carry_out(here, Aim(entry.plan.undo, undoes=entry.operation), options)


def _last(entries: Sequence[Entry]) -> Entry:
    """Return the last operation that changed something, took nothing back, and was not taken back."""
    for entry in reversed(entries):
        if entry.steps and entry.undoes is None and _taken_back_by(entry, entries) is None:
            return entry
    raise CommandError("there is nothing to take back; `iovtop log` lists what was done", Exit.REFUSED)


def _check(entry: Entry, entries: Sequence[Entry]) -> None:
    number = entry.operation
    if entry.unfinished:
        raise CommandError(f"operation {number} has not ended: `iovtop recover` says how it stands", Exit.REFUSED)
    if not entry.plan.undo:
        why = entry.plan.no_undo or "it changed nothing"
        raise CommandError(f"operation {number} cannot be taken back: {why}", Exit.REFUSED)
    by = _taken_back_by(entry, entries)
    if by is not None:
        raise CommandError(f"operation {number} was taken back by operation {by.operation} already", Exit.REFUSED)


def _taken_back_by(entry: Entry, entries: Sequence[Entry]) -> Entry | None:
    """Return the operation that took it back, if it was not taken back itself."""
    for other in entries:
        if other.undoes == entry.operation and other.ended is RunState.DONE and not _taken_back_by(other, entries):
            return other
    return None
