"""What every command prints in the same way: where its facts come from, and lines of JSON."""

from __future__ import annotations

import sys

from backend.host.doors import HostDoors
from backend.report.text import source_line


def say_source(doors: HostDoors, mark: str = "") -> None:
    """Say that this is not what the machine is now, in a line that begins with ``mark``; nothing where it is."""
    if source := source_line(doors.source.kind, doors.source.detail):
        sys.stdout.write(f"{mark}{source}\n")


def write_json(record: object, doors: HostDoors | None = None) -> None:
    """Write a record as one line of JSON, after whatever text was written before it.

    Args:
        doors: the host that it tells of, which is named as its ``source``; None where the record says so itself.
    """
    from backend.report.document import encode, plain_data

    line = encode(record if doors is None else {**plain_data(record), "source": doors.source.kind})
    sys.stdout.flush()
    sys.stdout.buffer.write(line + b"\n")
    sys.stdout.buffer.flush()
