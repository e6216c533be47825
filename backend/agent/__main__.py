"""The agent as a program of its own: ``python3 -I .../backend/agent/__main__.py [--write]``.

It is started by iovtop, as root or by whatever makes it root, and speaks on its standard streams.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Sequence


def main(arguments: Sequence[str]) -> int:
    """Serve the face at the other end until it goes. Without ``--write`` nothing can be changed."""
    if list(arguments) not in ([], ["--write"]) or os.isatty(0):
        sys.stderr.write("This program is started by iovtop, and takes no option but --write.\n")
        return 2
    from backend.agent.standing import serve_on_streams
    from backend.host import writing
    from backend.host.caller import caller
    from backend.host.linux import LinuxHost
    from backend.ops.journal_file import FOLDER, FileJournal
    from backend.ops.operator import LocalOperator

    write = bool(arguments)
    doors = LinuxHost(writer=writing.__name__ if write else None)
    try:
        operator = LocalOperator(doors, FileJournal(FOLDER, doors.clock), caller())
        serve_on_streams(doors, operator, write=write, warning=_warning() if os.geteuid() == 0 else "")
    finally:
        doors.close()
    return 0


def _warning() -> str:
    """Return in one sentence who else could change what runs here as root; "" = nobody."""
    from backend.host.ownership import changeable, files_below

    place = changeable([sys.executable, *files_below(_tree("backend")), *(path for path in sys.path if path)])
    return f"the agent runs as root, and {place} can be changed by another user" if place else ""


def _tree(*names: str) -> str:
    return os.path.join(os.path.dirname(os.path.realpath(__file__)), "..", "..", *names)


if __name__ == "__main__":
    # An isolated interpreter (-I) looks nowhere but in its own folders; this program may lie in another.
    sys.path.insert(0, os.path.realpath(_tree()))
    sys.exit(main(sys.argv[1:]))
