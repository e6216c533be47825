"""A simulated host that outlives the process: what was written to it is kept in a file, and made again when opened.

The line of a write is in the file before the simulated kernel begins it, as a real write has reached the kernel once
write(2) was called: a process that is killed in it does not stop the kernel.
"""

from __future__ import annotations

import asyncio
import json
import os
from pathlib import Path

import msgspec

from backend.host.doors import Clock, Events, Files, Links, Perf, Processes, Sockets, StillWaiting
from backend.model.devstate import About
from backend.model.source import Source
from backend.model.vfio import VfioLook
from backend.simhost.clock import ManualClock
from backend.simhost.load import read
from backend.simhost.open import open_scenario

_SCENARIO = Path(__file__).parents[2] / "conformance/simulated.toml"


class LastingHost:
    """All doors of a host whose state is in ``place``."""

    def __init__(self, place: Path) -> None:
        self.manual = ManualClock()
        self._host = open_scenario(read(_SCENARIO), "lasting", clock=self.manual)
        self.source = Source("simulated", "lasting")
        self._descriptor = os.open(place, os.O_RDWR | os.O_CREAT | os.O_APPEND | os.O_CLOEXEC, 0o600)
        self.writes: list[tuple[str, str]] = [tuple(json.loads(line)) for line in place.read_bytes().splitlines()]
        asyncio.run(self.manual.run(self._replay()))

    async def _replay(self) -> None:
        for path, value in self.writes:
            await self._change(path, value.encode(), 3600.0)

    async def _change(self, what: str, data: bytes, deadline: float) -> None:
        """Do what a line that was kept says: a write of a path, or a word before it says what else."""
        guarded = self._host.guarded
        word, _, rest = what.partition(" ")
        match word:
            case "load":
                await guarded.load_module(rest, deadline=deadline)
            case "token":
                await guarded.set_vf_token(rest, data.decode(), deadline=deadline)
            case "enable" | "disable":
                await guarded.enable_unit(rest, word == "enable", deadline=deadline)
            case "save":
                await guarded.save(rest, data, mode=0o644, deadline=deadline)
            case "delete":
                await guarded.delete(rest, deadline=deadline)
            case "save-state":
                about = msgspec.json.decode(data, type=About)
                await guarded.save_state(rest, about, deadline=deadline)
            case "restore-state":
                about, device = msgspec.json.decode(data, type=tuple[About, str])
                await guarded.restore_state(rest, about, device, deadline=deadline)
            case _:
                await guarded.write(what, data, deadline=deadline)

    async def _keep(self, what: str, data: bytes, deadline: float) -> None:
        """Keep, then change."""
        os.write(self._descriptor, json.dumps([what, data.decode()]).encode() + b"\n")
        self.writes.append((what, data.decode()))
        await self._change(what, data, deadline)

    @property
    def guarded(self) -> LastingHost:
        """This object: the only door that is not the simulated host's own."""
        return self

    async def read(self, path: str, *, deadline: float) -> bytes:
        """Read."""
        return await self._host.guarded.read(path, deadline=deadline)

    async def write(self, path: str, data: bytes, *, deadline: float) -> None:
        """Keep, then write."""
        await self._keep(path, data, deadline)

    async def load_module(self, name: str, *, deadline: float) -> None:
        """Keep, then load."""
        await self._keep(f"load {name}", b"", deadline)

    async def enable_unit(self, name: str, on: bool, *, deadline: float) -> None:
        """Keep, then enable or disable."""
        await self._keep(f"{'enable' if on else 'disable'} {name}", b"", deadline)

    async def set_vf_token(self, pf: str, token: str, *, deadline: float) -> None:
        """Keep, then give."""
        await self._keep(f"token {pf}", token.encode(), deadline)

    async def save(self, path: str, data: bytes, *, mode: int, deadline: float) -> None:
        """Keep, then save."""
        await self._keep(f"save {path}", data, deadline)

    async def delete(self, path: str, *, deadline: float) -> None:
        """Keep, then delete."""
        await self._keep(f"delete {path}", b"", deadline)

    async def look_at(self, device: str, *, deadline: float) -> VfioLook:
        """Look."""
        return await self._host.guarded.look_at(device, deadline=deadline)

    async def save_state(self, path: str, about: About, *, deadline: float) -> None:
        """Keep, then save."""
        await self._keep(f"save-state {path}", msgspec.json.encode(about), deadline)

    async def restore_state(self, path: str, about: About, device: str, *, deadline: float) -> None:
        """Keep, then restore."""
        await self._keep(f"restore-state {path}", msgspec.json.encode((about, device)), deadline)

    def waiting(self) -> tuple[StillWaiting, ...]:
        """Return what was left behind."""
        return self._host.guarded.waiting()

    @property
    def files(self) -> Files:
        """The simulated files."""
        return self._host.files

    @property
    def events(self) -> Events:
        """The simulated events."""
        return self._host.events

    @property
    def sockets(self) -> Sockets:
        """The simulated sockets."""
        return self._host.sockets

    @property
    def programs(self) -> None:
        """Nothing is started on it."""
        return None

    @property
    def links(self) -> Links:
        """The simulated links."""
        return self._host.links

    @property
    def perf(self) -> Perf:
        """The simulated performance events."""
        return self._host.perf

    @property
    def processes(self) -> Processes | None:
        """The simulated processes."""
        return self._host.processes

    @property
    def clock(self) -> Clock:
        """A clock that moves as far as it must."""
        return self.manual

    def name(self) -> str:
        """Return its name."""
        return self._host.name()

    def close(self) -> None:
        """Let go of the file."""
        os.close(self._descriptor)
        self._host.close()
