"""An agent for a tree of files, told what hostile faces say: ``hostile_child.py ROOT SESSIONS SEED``.

Prints as JSON how many answers of which kind it gave, and by how many KiB its memory grew.
"""

from __future__ import annotations

import asyncio
import json
import os
import random
import resource
import sys
from collections import Counter
from pathlib import Path

REPOSITORY = Path(__file__).resolve().parents[3]
if __name__ == "__main__":
    sys.path.insert(0, str(REPOSITORY))

from backend.agent.links import memory_links  # noqa: E402
from backend.agent.protocol import MAGIC  # noqa: E402
from backend.agent.server import Server  # noqa: E402
from backend.agent.verbs import VERBS  # noqa: E402
from backend.host.linux import LinuxHost  # noqa: E402
from backend.model.operation import Who  # noqa: E402
from backend.ops.journal import MemoryJournal  # noqa: E402
from backend.ops.operator import LocalOperator  # noqa: E402
from tests.unit.agent.hostile import session  # noqa: E402

_WARM = 300
"""Sessions after which everything was imported and the allocator has what it needs."""


async def face(data: bytes, doors: LinuxHost, journal: MemoryJournal, patience: float) -> Counter[str]:
    """Let one face say something and go after ``patience`` seconds; return the kinds of answers it got."""
    near, far = memory_links()
    operator = LocalOperator(doors, journal, Who(0, None, "root", "", "", ""))
    server = Server(far, operator, VERBS, program="1", host="h", source="tree")
    serving = asyncio.create_task(server.serve())
    near.send(data)
    await asyncio.sleep(patience)
    near.end()
    found: Counter[str] = Counter()
    while line := await near.receive():
        answer = json.loads(line.removeprefix(MAGIC + b"1 "))
        found[answer["problem"] if answer["kind"] == "error" else answer["kind"]] += 1
        assert not answer.get("message", "").startswith("a fault in iovtop"), (data, answer)
    await serving
    return found


async def main(root: str, sessions: int, seed: int) -> None:
    doors = LinuxHost(root, writer="backend.host.writing")
    journal = MemoryJournal(doors.clock)
    dice = random.Random(seed)
    total: Counter[str] = Counter()
    begun = 0
    for number in range(sessions + _WARM):
        if number == _WARM:
            total.clear()
            begun = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
            os.access("/iovtop-hostile-begins", os.F_OK)
        total += await face(session(dice), doors, journal, 0.02 if dice.random() < 0.1 else 0.0)
    doors.close()
    grown = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - begun
    sys.stdout.write(
        json.dumps(
            {"answers": total, "grown": grown, "changed": sum(bool(entry.plan.steps) for entry in journal.entries())}
        )
    )


if __name__ == "__main__":
    asyncio.run(main(sys.argv[1], int(sys.argv[2]), int(sys.argv[3])))
