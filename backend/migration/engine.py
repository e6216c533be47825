"""A live migration through the monitors of both QEMUs: prepared, started, followed, and judged.

Source: qapi/migration.json, docs/devel/migration/main.rst.
"""

from __future__ import annotations

import asyncio
import contextlib
import time
from collections.abc import AsyncIterator, Mapping
from dataclasses import dataclass, field, replace
from typing import Any

from backend.migration.progress import OVER, ProgressModel
from backend.migration.sides import Party, judge
from backend.migration.wire import capabilities, lay, take_away
from backend.model.job import Wire
from backend.model.migration import Progress, Verdict
from backend.vmm.errors import CommandRefused, MonitorTimeout, VmmError
from backend.vmm.monitor import Events, Monitor

POLL = 0.25
"""Seconds between two questions; events come in between."""
_YANK_AFTER = 3.0
"""Seconds after which a cancel that does nothing cuts the connection."""
HELD = 0.001
"""Downtime limit while it is held, so that the guest goes on running: with 0 QEMU does not look again at what is dirty
after the first pass, and takes that for the end."""
LOST_AFTER = 30.0
"""Seconds without an answer of the source after which it is given up."""


@dataclass(frozen=True, slots=True)
class Options:
    """How to migrate."""

    bandwidth: int | None = None
    """Bytes a second at most; 0 = as fast as the network is; None = as QEMU is set."""
    downtime: float = 0.3
    """Seconds that the guest may stand still at the switchover."""
    hold: bool = False
    """Whether the operator says when to switch over."""
    uri: str = ""
    """Where the destination listens: ``tcp:HOST:PORT``; "" = a socket beside its monitor."""
    wire: Wire = field(default_factory=Wire)


@dataclass(slots=True)
class Controls:
    """What an operator may want on the way."""

    cancel: asyncio.Event = field(default_factory=asyncio.Event)
    go: asyncio.Event = field(default_factory=asyncio.Event)
    """Switch over now, where it was to be held."""
    bandwidth: int | None = None
    downtime: float | None = None
    changed: asyncio.Event = field(default_factory=asyncio.Event)

    def adjust(self, *, bandwidth: int | None = None, downtime: float | None = None) -> None:
        """Set other limits while it goes on."""
        self.bandwidth = self.bandwidth if bandwidth is None else bandwidth
        self.downtime = self.downtime if downtime is None else downtime
        self.changed.set()


class QmpMigration:
    """One migration of one VM. ``run`` it once; ``verdict`` is there when it has ended.

    Args:
        source: the VM.
        destination: a QEMU that was started to receive it (``-incoming defer``).
    """

    def __init__(self, source: Party, destination: Party, options: Options, controls: Controls | None = None) -> None:
        self._source = source
        self._destination = destination
        self._options = options
        self.controls = controls or Controls()
        self._model = ProgressModel(options.downtime)
        self._cancelled_at: float | None = None
        self._yanked = False
        self._released = not options.hold
        self._heard = 0.0
        self.verdict: Verdict | None = None

    async def run(self, *, begun: bool = False) -> AsyncIterator[Progress]:
        """Migrate, and yield how far it is. Raises ``VmmError`` only before anything was started.

        Args:
            begun: whether QEMU is at it already, since whoever began it has gone: then it is only followed.
        """
        began = time.monotonic()
        self._heard = began
        last: Progress | None = None
        why = ""
        try:
            source = await self._source.open()
            if not begun:
                await self._prepare(source, await self._destination.open())
        except VmmError as error:
            if not begun:
                await self._take_away()
                raise
            why = str(error)
        else:
            with source.listen("MIGRATION", "MIGRATION_PASS", "STOP", "RESUME") as events:
                try:
                    if not begun:
                        await source.ask("migrate", {"uri": await self._listen(await self._destination.open())})
                    async for last in self._follow(source, events):
                        yield last
                    why = self._reason(last) if last is not None else "it had not begun"
                except CommandRefused as refused:
                    why = refused.text
                except VmmError as lost:
                    why = str(lost)
        found = await judge(self._source, self._destination, why)
        await self._take_away()
        downtime = last.downtime if last is not None else None
        self.verdict = replace(found, downtime=downtime, total=time.monotonic() - began)

    async def _follow(self, source: Monitor, events: Events) -> AsyncIterator[Progress]:
        """Yield how far it is until it is over, or turns out never to have begun."""
        last: Progress | None = None
        while True:
            answer = await self._ask(source)
            if answer is not None:
                last = self._model.take(answer, time.monotonic())
                if last.phase == "none":
                    return
                yield last
                if last.phase in OVER:
                    return
            await self._control(source, last)
            await events.next(POLL)

    async def _prepare(self, source: Monitor, destination: Monitor) -> None:
        """Set capabilities and parameters on both sides."""
        can = [
            {one["capability"] for one in await monitor.ask("query-migrate-capabilities")}
            for monitor in (source, destination)
        ]
        wanted = {"events": True, "return-path": True, "pause-before-switchover": self._options.hold}
        wanted["switchover-ack"] = True
        asked = capabilities(self._options.wire)
        if lacking := asked.keys() - (can[0] & can[1]):
            raise CommandRefused("migrate-set-capabilities", "GenericError", f"not both QEMUs know {min(lacking)}")
        wanted |= asked
        both = [{"capability": name, "state": on} for name, on in wanted.items() if name in can[0] & can[1]]
        for monitor in (source, destination):
            await monitor.ask("migrate-set-capabilities", {"capabilities": both})
            await lay(self._options.wire, monitor, client=monitor is source)
        await self._limit(source, self._options.bandwidth, self._options.downtime)

    async def _take_away(self) -> None:
        for party in (self._source, self._destination):
            if party.monitor is not None:
                await take_away(self._options.wire, party.monitor)

    async def _limit(self, source: Monitor, bandwidth: int | None, downtime: float | None) -> None:
        limit = HELD if not self._released else downtime
        parameters: dict[str, int] = {} if bandwidth is None else {"max-bandwidth": bandwidth}
        if limit is not None:
            parameters["downtime-limit"] = round(limit * 1000)
        if parameters:
            await source.ask("migrate-set-parameters", parameters)

    async def _listen(self, destination: Monitor) -> str:
        """Let the destination wait; return where it does."""
        sockets = self._destination.doors.sockets
        assert sockets is not None
        uri = self._options.uri or f"unix:{sockets.beside(self._destination.path)}"
        await destination.ask("migrate-incoming", {"uri": uri})
        addresses = (await destination.ask("query-migrate")).get("socket-address", [])
        if uri.startswith("tcp:") and uri.endswith(":0") and addresses:
            host = uri[4:].rpartition(":")[0] or str(addresses[0]["host"])
            return f"tcp:{host}:{addresses[0]['port']}"
        return uri

    async def _ask(self, source: Monitor) -> Mapping[str, Any] | None:
        """Return how the migration is; None when the source is too slow to say, for a while."""
        try:
            answer = await source.ask("query-migrate", deadline=2.0)
        except MonitorTimeout:
            if time.monotonic() - self._heard > LOST_AFTER:
                raise
            return None
        self._heard = time.monotonic()
        return answer if isinstance(answer, Mapping) else None

    async def _control(self, source: Monitor, last: Progress | None) -> None:
        """Do what the operator wants."""
        controls = self.controls
        if controls.cancel.is_set():
            await self._cancel(source)
            return
        if controls.changed.is_set():
            controls.changed.clear()
            if controls.downtime is not None:
                self._model.downtime_limit = controls.downtime
            await self._limit(source, controls.bandwidth, controls.downtime)
        if controls.go.is_set() and not self._released:
            self._released = True
            await self._limit(source, None, self._model.downtime_limit)
        if self._options.hold and self._released and last is not None and last.paused:
            with contextlib.suppress(CommandRefused):  # it has gone on meanwhile
                await source.ask("migrate-continue", {"state": "pre-switchover"})

    async def _cancel(self, source: Monitor) -> None:
        now = time.monotonic()
        if self._cancelled_at is None:
            self._cancelled_at = now
            with contextlib.suppress(MonitorTimeout):
                await source.ask("migrate_cancel", deadline=_YANK_AFTER)
        elif not self._yanked and now - self._cancelled_at > _YANK_AFTER:
            # A peer that neither reads nor closes holds up the cancel too.
            self._yanked = True
            with contextlib.suppress(CommandRefused):
                await source.ask("yank", {"instances": [{"type": "migration"}]})

    def _reason(self, last: Progress) -> str:
        if last.phase == "cancelled" or (last.phase == "failed" and self._cancelled_at is not None):
            return "it was cancelled"
        return last.error or ("QEMU gives no reason" if last.phase == "failed" else "")
