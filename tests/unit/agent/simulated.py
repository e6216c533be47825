"""A simulated host behind an agent in this process, and one end of a bare link to an agent."""

from __future__ import annotations

import asyncio
from collections.abc import Collection
from pathlib import Path

import msgspec

from backend.agent.client import AgentOperator
from backend.agent.inprocess import in_process
from backend.agent.links import MemoryLink, memory_links
from backend.agent.protocol import MAGIC
from backend.agent.server import Server
from backend.agent.verbs import VERBS
from backend.model.operation import Who
from backend.ops.journal import MemoryJournal
from backend.ops.operator import LocalOperator
from backend.simhost.clock import ManualClock
from backend.simhost.host import SimulatedHost
from backend.simhost.load import read
from backend.simhost.open import open_scenario

WHO = Who(0, None, "root", "", "", "")
PF = "0000:01:00.0"
OTHER_PF = "0000:02:00.0"


class SimulatedAgent:
    """The simulated host of the conformance tests."""

    def __init__(self) -> None:
        scenario = Path(__file__).resolve().parents[2] / "conformance/simulated.toml"
        self.clock = ManualClock()
        self.host: SimulatedHost = open_scenario(read(scenario), "conformance", clock=self.clock)
        self.journal = MemoryJournal(self.clock)
        self.local = LocalOperator(self.host, self.journal, WHO)

    async def operator(self, *, write: bool = True) -> AgentOperator:
        """Return an operator that talks to an agent."""
        return await in_process(self.local, self.host, write=write)

    def serve(self, verbs: Collection[str] = tuple(VERBS)) -> tuple[MemoryLink, asyncio.Task[None]]:
        """Return a bare end, and what serves the other."""
        near, far = memory_links()
        server = Server(far, self.local, verbs, program="1", host="sim", source="simulated")
        return near, asyncio.create_task(server.serve())

    def vfs(self, pf: str = PF) -> list[str]:
        """Return the names of a PF's links to VFs."""
        return [name for name in self.host.files.list(f"/sys/bus/pci/devices/{pf}") if name.startswith("virtfn")]


async def answers(link: MemoryLink) -> list[dict[str, object]]:
    """Return everything that the agent said until it went."""
    found = []
    while line := await link.receive():
        found.append(msgspec.json.decode(line.removeprefix(MAGIC + b"1 ")))
    return found
