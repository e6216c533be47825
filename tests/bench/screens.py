"""Screens of many rows in this process, on a terminal that only counts: ours, and Textual's own Tree and DataTable."""

from __future__ import annotations

import asyncio
import os
import random
import time
from collections.abc import Callable, Coroutine, Iterable
from dataclasses import dataclass, replace
from typing import Any

from textual.app import App, ComposeResult
from textual.drivers.headless_driver import HeadlessDriver
from textual.widgets import DataTable, Tree

from backend.cli.settings import Settings
from backend.model.device import Device
from backend.model.host import Host
from tests.tui.builders import FakeLive, make_pfs, never_open, step, with_devices
from tui.app import IovtopApp
from tui.term.capabilities import detect

SIZE = (120, 40)
CHANGES = 200
_VFS = 127
_REST = 0.3
"""Seconds in which a change is drawn; only processor time is counted."""


class Counter(HeadlessDriver):
    """Counts what would be sent to a terminal."""

    sent = 0

    @property
    def is_headless(self) -> bool:
        """It is drawn for."""
        return False

    def write(self, data: str) -> None:
        """Count."""
        Counter.sent += len(data.encode())


@dataclass(slots=True)
class Cost:
    """What one thing cost."""

    cpu_ms: float
    sent: int


async def _cost(do: Callable[[], object], rest: float = _REST) -> Cost:
    """Do something and return what it and its drawing cost, without what the screen costs at rest."""
    begun = time.process_time()
    await asyncio.sleep(rest)
    idle = time.process_time() - begun
    sent, begun = Counter.sent, time.process_time()
    do()
    await asyncio.sleep(rest)
    return Cost(max(0.0, 1e3 * (time.process_time() - begun - idle)), Counter.sent - sent)


def _least(found: dict[str, Cost], name: str, cost: Cost) -> None:
    """Keep the cheaper of two measurements: whatever disturbs one only adds."""
    before = found.get(name)
    found[name] = cost if before is None or cost.cpu_ms < before.cpu_ms else before


def _other(host: Host, devices: Iterable[Device], driver: str) -> Host:
    return with_devices(host, *(replace(device, driver=driver) for device in devices))


async def _ours(rows: int) -> dict[str, Cost]:
    host = make_pfs(-(-rows // (_VFS + 1)), _VFS)
    live = FakeLive()
    live.status.last_update = time.monotonic() + 1e6
    terminal = detect({"TERM": "xterm-256color", "COLORTERM": "truecolor"}, "utf-8")
    app = IovtopApp(lambda: (live, never_open, None), Settings(), terminal)
    found: dict[str, Cost] = {}

    def give(new: Host) -> Callable[[], None]:
        delta = step(live._host if live._host is not None else Host(**_empty(host)), new)

        def put() -> None:
            live._host = new
            live._queue.put_nowait(delta)

        return put

    async def script() -> None:
        nonlocal host
        await asyncio.sleep(1)
        found["fill"] = await _cost(give(host), 2)
        devices = list(host.devices.values())
        chance = random.Random(1)

        async def changed(name: str, some: Iterable[Device], times: int = 5) -> None:
            nonlocal host
            for number in range(times):
                new = _other(host, some, f"{name} {number}")
                _least(found, name, await _cost(give(new)))
                host = new

        for number in range(3):
            host = _other(host, devices[:1], f"other {number}")
            _least(found, "mark", await _cost(give(host)))
            sent = Counter.sent
            await asyncio.sleep(2.5)
            _least(found, "unmark", Cost(0.0, Counter.sent - sent))
        await changed("nothing seen", devices[-1:])
        await changed("random", chance.sample(devices, CHANGES))
        await changed("all", devices)
        last = devices[-1]
        for _ in range(5):
            host = with_devices(host, without=[str(last.id)])
            _least(found, "remove", await _cost(give(host)))
            host = with_devices(host, last)
            _least(found, "insert", await _cost(give(host)))
        await asyncio.sleep(2.5)
        found["rest"] = await _cost(lambda: None, 2)

    await _run(app, script)
    return found


def _empty(like: Host) -> dict[str, Any]:
    from backend.state.live import empty_host

    empty = empty_host(like)
    return {name: getattr(empty, name) for name in empty.__slots__}


COLUMNS = ("DEVICE", "DRIVER", "PATH", "GROUP", "HOLDER", "NUMA")


def _words(device: Device) -> tuple[str, ...]:
    holder = device.holders[0].name if device.holders else "free"
    return str(device.id), device.driver, str(device.path), str(device.group), holder, str(device.numa)


class _Stock(App[None]):
    """One of Textual's own widgets with the same rows."""

    def __init__(self, kind: str) -> None:
        super().__init__()
        self._kind = kind
        self.animation_level = "none"

    def compose(self) -> ComposeResult:
        if self._kind == "Tree":
            yield Tree[str]("host")
        else:
            yield DataTable[str]()


async def _stock(kind: str, rows: int) -> dict[str, Cost]:
    host = make_pfs(-(-rows // (_VFS + 1)), _VFS)
    devices = list(host.devices.values())
    app = _Stock(kind)
    found: dict[str, Cost] = {}
    nodes: dict[str, Any] = {}

    def text(device: Device) -> str:
        return "  ".join(_words(device))

    def fill() -> None:
        if kind == "Tree":
            tree = app.query_one(Tree)
            tree.root.expand()
            for device in devices:
                if device.sriov is not None:
                    pf = nodes[str(device.id)] = tree.root.add(text(device), expand=True)
                else:
                    nodes[str(device.id)] = pf.add_leaf(text(device))
        else:
            table = app.query_one(DataTable)
            table.add_columns(*((name, name) for name in COLUMNS))
            for device in devices:
                table.add_row(*_words(device), key=str(device.id))

    def change(some: Iterable[Device], driver: str) -> None:
        for device in some:
            if kind == "Tree":
                nodes[str(device.id)].set_label(text(replace(device, driver=driver)))
            else:
                app.query_one(DataTable).update_cell(str(device.id), "DRIVER", driver)

    def remove() -> None:
        if kind == "Tree":
            nodes[str(devices[-1].id)].remove()
        else:
            app.query_one(DataTable).remove_row(str(devices[-1].id))

    def insert() -> None:
        if kind == "Tree":
            next(iter(nodes.values())).add_leaf(text(devices[-1]))
        else:
            app.query_one(DataTable).add_row(*_words(devices[-1]), key=str(devices[-1].id))

    async def script() -> None:
        await asyncio.sleep(1)
        found["fill"] = await _cost(fill, 8)
        found["mark"] = await _cost(lambda: change(devices[:1], "other"))
        found["nothing seen"] = await _cost(lambda: change(devices[-1:], "other"))
        chance = random.Random(1)
        found["random"] = await _cost(lambda: change(chance.sample(devices, CHANGES), "third"), 1)
        found["all"] = await _cost(lambda: change(devices, "fourth"), 4)
        found["remove"] = await _cost(remove, 1)
        found["insert"] = await _cost(insert, 1)
        found["rest"] = await _cost(lambda: None, 2)

    await _run(app, script)
    return found


async def _run(app: App[None], script: Callable[[], Coroutine[Any, Any, None]]) -> None:
    app.driver_class = Counter

    async def play() -> None:
        try:
            await script()
        finally:
            app.exit()

    playing = asyncio.create_task(play())
    await app.run_async(size=SIZE)
    await playing


def measure(kind: str, rows: int) -> dict[str, Any]:
    """Return CPU milliseconds and bytes by what was done."""
    os.environ |= {"TERM": "xterm-256color", "COLORTERM": "truecolor"}
    found = asyncio.run(_ours(rows) if kind == "iovtop" else _stock(kind, rows))
    return {name: {"cpu_ms": cost.cpu_ms, "sent": cost.sent} for name, cost in found.items()}
