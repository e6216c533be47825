"""Shell commands that show elsewhere what the screen shows."""

from __future__ import annotations

import re
import shlex
from collections.abc import Sequence

from backend.model.device import Device
from backend.model.host import Host
from backend.present.tree import Row
from backend.present.view import View


def snapshot_command(host: Host, view: View, query: str, rows: Sequence[Row] = ()) -> str:
    """Return the command that prints a view, narrowed to ``rows`` where there are any, else by ``query``.

    "" where the host is neither this machine nor simulated: a tree's or a capture's command would look at
    the wrong host.
    """
    if host.source not in ("live", "simulated"):
        return ""
    words = ["iovtop", *(("--sim", host.source_detail) if host.simulated else ()), "snapshot"]
    if view is not View.DEVICES:
        words += ["--view", view.value]
    wanted = query_for(rows) if rows else query
    if wanted:
        words += ["--filter", wanted]
    return shlex.join(words)


def query_for(rows: Sequence[Row]) -> str:
    """Return the query that finds just these rows in their view."""
    names = ",".join(_SIGNS.sub("?", _name(row)) for row in rows)
    return f'id:"{names}"' if re.search(r"\s", names) else f"id:{names}"


_SIGNS = re.compile(r'[*?\[\],"]')
"""What means something else in a pattern."""


def _name(row: Row) -> str:
    """Return a device's id, or the key of a row that is no device, or one of several of its device."""
    subject = row.subject
    several = isinstance(subject, Device) and row.key != subject.id and len(subject.holders) > 1
    return str(subject.id) if isinstance(subject, Device) and not several else row.key
