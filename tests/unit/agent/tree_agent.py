"""An agent for a tree of files, on its standard streams: ``tree_agent.py ROOT JOURNAL PATIENCE``.

As iovtop's own, but for another host than this machine, which that one refuses to change.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

if __name__ == "__main__":
    sys.path.insert(0, str(Path(__file__).resolve().parents[3]))

from backend.agent.standing import serve_on_streams
from backend.host import writing
from backend.host.caller import caller
from backend.host.linux import LinuxHost
from backend.model.requests import Request
from backend.ops.journal_file import FileJournal
from backend.ops.operation import Operation
from backend.ops.operator import LocalOperator
from backend.ops.world import World


class Impatient(LocalOperator):
    """Says soon that a write is stuck."""

    patience: float

    async def _prepare(self, parsed: Sequence[Request], world: World, settles: int | None) -> Operation:
        operation = await super()._prepare(parsed, world, settles)
        work = tuple(replace(one, action=replace(one.action, patience=self.patience)) for one in operation.work)
        return Operation(operation.plan, work)


def main(root: str, journal: str, patience: float) -> None:
    """Serve."""
    # A machine's processes belong to its tree: where it has none, what waits cannot be told from what has ended.
    doors = LinuxHost(root, "/proc", writer=writing.__name__)
    operator = Impatient(doors, FileJournal(Path(journal), doors.clock), caller())
    operator.patience = patience
    sys.stderr.write(f"pid {os.getpid()}\n")
    sys.stderr.flush()
    serve_on_streams(doors, operator, write=True)
    doors.close()


if __name__ == "__main__":
    main(sys.argv[1], sys.argv[2], float(sys.argv[3]))
