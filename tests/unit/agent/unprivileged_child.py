"""An unprivileged face that wants to change this machine: says how that went, in one line."""

from __future__ import annotations

import asyncio
import sys
from contextlib import nullcontext
from pathlib import Path

if __name__ == "__main__":
    sys.path.insert(0, str(Path(__file__).resolve().parents[3]))

from backend.agent.open_operator import open_operator
from backend.host.linux import LinuxHost
from backend.model.plan import Asked
from backend.ops.errors import OperationError


async def main(words: list[str]) -> str:
    """Open the way to change this machine, and ask for a plan."""
    host = LinuxHost()
    try:
        operator = await open_operator(host, write="look" not in words, ask=nullcontext if "ask" in words else None)
    except OperationError as error:
        return f"{error.problem}: {error} ({error.remedy})"
    finally:
        host.close()
    try:
        await operator.plan([Asked("numvfs", {"pf": "ffff:ff:1f.7", "count": 1})])
    except OperationError as error:
        verbs = "verbs" if operator.writes else "no verbs"
        return f"{verbs}; {error.problem}; {operator.welcome.warning or 'no warning'}"
    finally:
        await operator.close()
    return "a plan"


if __name__ == "__main__":
    sys.stdout.write(f"result: {asyncio.run(main(sys.argv[1:]))}\n")
