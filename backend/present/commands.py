"""Shell commands that show elsewhere what the screen shows."""

from __future__ import annotations

import shlex
from collections.abc import Sequence

from backend.model.host import Host
from backend.present.view import View


def snapshot_command(host: Host, view: View, query: str, ids: Sequence[str]) -> str:
    """Return the command that prints a view, narrowed to ``ids`` where there are any, else by ``query``.

    "" where the host is neither this machine nor simulated: a tree's or a capture's command would look at
    the wrong host.
    """
    if host.source not in ("live", "simulated"):
        return ""
    words = ["iovtop", *(("--sim", host.source_detail) if host.simulated else ()), "snapshot"]
    if view is not View.DEVICES:
        words += ["--view", view.value]
    wanted = f"id:{','.join(ids)}" if ids else query
    if wanted:
        words += ["--filter", wanted]
    return shlex.join(words)
