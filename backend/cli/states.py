"""``iovtop states``: the states of devices that are kept."""

from __future__ import annotations

import argparse
import sys
import time
from dataclasses import asdict

from backend.cli.exits import CommandError, Exit
from backend.cli.output import say_source, write_json
from backend.host.doors import HostDoors
from backend.model.devstate import Header
from backend.model.statefile import HEADER
from backend.model.text import clean
from backend.ops.devstates import FOLDER, header_of, state_path
from backend.ops.errors import Refused


def add_options(parser: argparse.ArgumentParser) -> None:
    """Add the verb's options."""
    parser.add_argument("--json", action="store_true", help="one JSON line for each state")


def run(doors: HostDoors, options: argparse.Namespace) -> Exit:
    """Print a line for each state."""
    found, damage = _kept(doors)
    if options.json:
        for name, header in found:
            line = {"name": name, **asdict(header.about), "size": header.size, "sha256": header.sha256}
            write_json(line, doors)
    else:
        say_source(doors)
        sys.stdout.writelines(f"{line}\n" for line in _lines(found))
    for text in damage:
        sys.stderr.write(f"iovtop: {text}\n")
    return Exit.PARTIAL if damage else Exit.OK


def _kept(doors: HostDoors) -> tuple[list[tuple[str, Header]], list[str]]:
    """Return the states by name, and a sentence for each that cannot be used."""
    try:
        names = sorted(clean(name, 200) for name in doors.files.list(FOLDER) if not name.startswith("."))
    except FileNotFoundError:
        return [], []
    except PermissionError as error:
        raise CommandError(f"{FOLDER} is root's; look as root", Exit.NO_PERMISSION) from error
    found, damage = [], []
    for name in names:
        try:
            found.append((name, header_of(doors.files.read(state_path(name), HEADER), name)))
        except Refused as error:
            damage.append(str(error))
        except OSError as error:
            damage.append(f"{state_path(name)} cannot be read: {error.strerror}")
    return found, damage


def _lines(found: list[tuple[str, Header]]) -> list[str]:
    if not found:
        return ["no state is kept"]
    rows = [("NAME", "TYPE", "BYTES", "SAVED", "OF")]
    for name, header in found:
        about = header.about
        saved = time.strftime("%Y-%m-%d %H:%M:%S", time.localtime(about.saved))
        rows.append((name, clean(about.kind, 60), str(header.size), saved, clean(about.device, 60)))
    widths = [max(len(row[column]) for row in rows) for column in range(4)]
    return ["  ".join([*(cell.ljust(width) for cell, width in zip(row, widths, strict=False)), row[4]]) for row in rows]
