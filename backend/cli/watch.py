"""``iovtop watch``: changes as they happen, one line each."""

from __future__ import annotations

import argparse
import os
import sys
from typing import TYPE_CHECKING

from backend.cli.amounts import whole
from backend.cli.exits import CommandError, Exit
from backend.cli.output import write_json
from backend.host.doors import HostDoors

if TYPE_CHECKING:
    from backend.model.delta import Delta


def add_options(parser: argparse.ArgumentParser) -> None:
    """Add the verb's options."""
    parser.add_argument("--plain", action="store_true", help="one readable line for each change")
    parser.add_argument("--ascii", action="store_true", help="only ASCII signs, in readable lines")
    parser.add_argument("--count", type=whole(0), metavar="N", help="end after N deltas")
    parser.add_argument(
        "--interval", type=float, default=1.0, metavar="SECONDS", help="between two looks, at least 0.1 (default 1)"
    )


def run(doors: HostDoors, options: argparse.Namespace) -> Exit:
    """Print deltas until interrupted."""
    import asyncio

    if doors.source.kind == "capture":
        raise CommandError("a capture is one moment, in which nothing changes: `iovtop snapshot` prints it")
    asyncio.run(_watch(doors, options))
    return Exit.OK


async def _watch(doors: HostDoors, options: argparse.Namespace) -> None:
    import contextlib

    from backend.state.live import Live

    live = Live(doors, max(0.1, options.interval))
    try:
        async with contextlib.aclosing(live.deltas()) as deltas:
            left = options.count
            first = True
            async for delta in deltas:
                if options.plain:
                    _print_plain(delta, first=first, ascii_only=options.ascii)
                else:
                    _print_json(delta, first=first)
                if not first and left is not None:
                    left -= 1
                first = False
                if left is not None and left <= 0:
                    return
    finally:
        live.close()


def _print_json(delta: Delta, *, first: bool) -> None:
    """Print the whole host first, so that a reader needs nothing else; then deltas."""
    from backend.report.changes import delta_record
    from backend.report.document import document_of

    write_json({"kind": "snapshot", "document": document_of(delta.new)} if first else delta_record(delta))


def _print_plain(delta: Delta, *, first: bool, ascii_only: bool) -> None:
    from backend.present.glyphs import ASCII, glyphs_for
    from backend.report.changes import plain_lines
    from backend.report.text import header

    glyphs = ASCII if ascii_only else glyphs_for(sys.stdout.encoding or "", os.environ.get("TERM", ""))
    lines = header(delta.new, glyphs) if first else plain_lines(delta, "->" if glyphs is ASCII else glyphs.arrow)
    for line in lines:
        sys.stdout.write(line + "\n")
    sys.stdout.flush()
