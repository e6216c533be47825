"""An agent in this process: for simulated hosts and tests. It speaks the same protocol as any other."""

from __future__ import annotations

import asyncio

from backend import __version__
from backend.agent.client import AgentOperator
from backend.agent.links import memory_links
from backend.agent.server import Server
from backend.agent.verbs import VERBS
from backend.host.doors import HostDoors
from backend.model.text import clean
from backend.ops.operator import Operator

_serving: set[asyncio.Task[None]] = set()


async def in_process(operator: Operator, doors: HostDoors, *, write: bool = True) -> AgentOperator:
    """Return an operator that reaches another through an agent in this process."""
    near, far = memory_links()
    server = Server(
        far, operator, VERBS if write else (), program=__version__, host=clean(doors.name()),
        source=doors.source.kind,
    )  # fmt: skip
    task = asyncio.create_task(server.serve())
    _serving.add(task)
    task.add_done_callback(_serving.discard)
    return await AgentOperator.on(near)
