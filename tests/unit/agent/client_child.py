"""A face that has a PF's VFs made and tells what happens, a line each: ``client_child.py PF COUNT AGENT...``."""

from __future__ import annotations

import asyncio
import sys
from pathlib import Path

if __name__ == "__main__":
    sys.path.insert(0, str(Path(__file__).resolve().parents[3]))

from backend.agent.transports import as_child
from backend.model.plan import Asked


async def main(pf: str, count: int, command: list[str]) -> None:
    """Run it."""
    operator = await as_child(command)
    plan = await operator.plan([Asked("numvfs", {"pf": pf, "count": count})])
    async for event in operator.run(plan.asked, plan.fingerprint):
        sys.stdout.write(f"{event.state}\n")
        sys.stdout.flush()
    await operator.close()


if __name__ == "__main__":
    asyncio.run(main(sys.argv[1], int(sys.argv[2]), sys.argv[3:]))
