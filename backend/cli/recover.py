"""``iovtop recover``: operations that had not ended, how the host stands after them, and what can be done."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Sequence

from backend.cli.change import Aim, Session, add_change_options, carry_out, opened, session
from backend.cli.exits import CommandError, Exit
from backend.cli.log import find
from backend.cli.output import say_source
from backend.host.doors import HostDoors
from backend.model.operation import Standing, Unfinished

WAYS = ("finish", "rollback", "close")


def add_options(parser: argparse.ArgumentParser) -> None:
    """Add the verb's options."""
    parser.add_argument("operation", nargs="?", type=int, metavar="ID", help="number of the operation")
    parser.add_argument(
        "way", nargs="?", choices=WAYS, metavar="|".join(WAYS),
        help="finish: do the rest; rollback: take it back; close: leave the host as it is",
    )  # fmt: skip
    add_change_options(parser)


def run(doors: HostDoors, options: argparse.Namespace) -> Exit:
    """Say how each stands, or settle one."""
    if options.operation is not None and options.way is None:
        raise CommandError(f"say how: iovtop recover {options.operation} {'|'.join(WAYS)}")
    with session(doors, opened(doors, write=True)) as here:
        if options.way is None:
            return _report(here, here.wait(here.operator.recover()))
        entry = find(here.wait(here.operator.log()), options.operation)
        if options.way == "close":
            return _close(here, entry.operation)
        if not entry.unfinished:
            raise CommandError(f"operation {entry.operation} has ended; `iovtop undo` takes it back", Exit.REFUSED)
        back = options.way == "rollback"
        if back and not entry.plan.undo:
            raise CommandError(f"operation {entry.operation} has no way back: {entry.plan.no_undo}", Exit.REFUSED)
        aim = Aim(
            entry.plan.undo if back else entry.plan.asked,
            undoes=entry.operation if back else None,
            settles=entry.operation,
        )
        return carry_out(here, aim, options)


def _close(here: Session, number: int) -> Exit:
    here.wait(here.operator.forget(number))
    sys.stdout.write(f"operation {number} is closed; the host was left as it is\n")
    return Exit.OK


def _report(here: Session, found: Sequence[Unfinished]) -> Exit:
    say_source(here.doors)
    if not found:
        sys.stdout.write("nothing is unfinished\n")
    for one in found:
        sys.stdout.write(f"operation {one.entry.operation}, {one.standing.value}: {one.entry.plan.title}\n")
        sys.stdout.write(f"  {one.text}\n")
        if one.remedy:
            sys.stdout.write(f"  {one.remedy}\n")
        for command in one.by_hand:
            sys.stdout.write(f"    {command}\n")
    standings = {one.standing for one in found}
    if Standing.WAITING in standings:
        return Exit.STUCK
    return Exit.FINDING if standings & {Standing.OPEN, Standing.UNDECIDED} else Exit.OK
