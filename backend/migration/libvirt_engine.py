"""A live migration of a libvirt domain: its libvirt is asked to hand it to another one, and both are asked how it went.

The two libvirts talk to each other (peer to peer): a migration goes on when whoever asked for it has gone. Source:
libvirt's documentation (migration.html), src/qemu/qemu_migration.c.
"""

from __future__ import annotations

import asyncio
import contextlib
import time
from collections.abc import AsyncIterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any, ClassVar

from backend.host.doors import HostDoors
from backend.migration.engine import HELD, LOST_AFTER, POLL, Controls, Options
from backend.migration.job_stats import MIGRATION_OUT, as_query_migrate, migrating, phase_of
from backend.migration.progress import ProgressModel
from backend.migration.sides import PATIENCE, judge
from backend.migration.verdict import Side, Stand
from backend.model.migration import Progress, Verdict, Where
from backend.vmm.domain import find_domain, swap_devices
from backend.vmm.errors import CommandRefused, MonitorAbsent, MonitorTimeout, VmmError
from backend.vmm.libvirtd import Libvirtd

_QUICK = 2.0
"""Seconds that the source has for one of many questions."""
_CANCEL_AGAIN = 1.0
"""Seconds between two orders to abort: while both sides prepare, libvirt has nothing yet that could be."""
_FASTEST = (1 << 43) - 1
"""MiB a second that libvirt takes for "no limit"."""

_RUNNING, _BLOCKED, _PAUSED, _SHUTDOWN, _SHUTOFF, _CRASHED, _SUSPENDED = range(1, 8)
"""``virDomainState``."""
_FOR_MIGRATION, _STARTING_UP = 2, 11
"""``virDomainPausedReason``."""
_NAMES = {
    _RUNNING: "running", _BLOCKED: "blocked", _PAUSED: "paused", _SHUTDOWN: "shutting down", _SHUTOFF: "shut off",
    _CRASHED: "crashed", _SUSPENDED: "suspended",
}  # fmt: skip


@dataclass(slots=True)
class DomainParty:
    """One side: a libvirt, and the domain as it has it."""

    resume: ClassVar[str] = "`virsh resume` at the source"

    doors: HostDoors
    name: str
    uuid: str
    uri: str
    waits: bool = False
    """Whether it is the destination: there a domain that is paused for a migration waits for it."""
    libvirt: Libvirtd = field(init=False)

    def __post_init__(self) -> None:
        self.libvirt = Libvirtd(self.uri, changes=True)

    async def close(self) -> None:
        """Let the connection go."""
        self.libvirt.close()

    async def state(self) -> tuple[int, int] | None:
        """Return state and reason of the domain; None where there is none. Raises ``VmmError``."""

        def question(library: Any, connection: Any) -> tuple[int, int] | None:
            domain = find_domain(library, connection, self.uuid)
            return tuple(domain.state()) if domain is not None else None

        return await self.libvirt.ask(question, deadline=PATIENCE)

    async def stand(self) -> Side:
        """Return how it stands, by asking libvirt."""
        try:
            found = await self.state()
        except VmmError as error:
            return Side(self.name, Stand.SILENT, str(error))
        if found is None:
            return Side(self.name, Stand.GONE, "no such domain")
        state, reason = found
        said = _NAMES.get(state, f"state {state}")
        if state in (_SHUTOFF, _CRASHED):
            return Side(self.name, Stand.GONE, said)
        if state == _PAUSED:
            if reason == _STARTING_UP or (reason == _FOR_MIGRATION and self.waits):
                return Side(self.name, Stand.WAITING, f"{said}, waits for it")
            if reason == _FOR_MIGRATION:
                return Side(self.name, Stand.SENT, f"{said} for the migration")
        stand = Stand.PAUSED if state in (_PAUSED, _SUSPENDED) else Stand.RUNNING
        return Side(self.name, stand, "" if said == stand else said)

    async def moving(self) -> bool:
        """Return whether a migration of it goes on."""
        try:
            found = await self.libvirt.ask(self.job)
        except VmmError:
            return False
        return found is not None and migrating(found[0])

    def job(self, library: Any, connection: Any) -> tuple[dict[str, Any], bool] | None:
        """Return the statistics of the domain's job, and whether the guest stands still for it; None without one."""
        domain = find_domain(library, connection, self.uuid)
        if domain is None:
            return None
        return domain.jobStats(), tuple(domain.state()) == (_PAUSED, _FOR_MIGRATION)


class LibvirtMigration:
    """One migration of one domain. ``run`` it once; ``verdict`` is there when it has ended.

    Args:
        swaps: each host device, and the one that takes its place there.
    """

    def __init__(
        self,
        source: DomainParty,
        destination: DomainParty,
        options: Options,
        controls: Controls | None = None,
        swaps: Sequence[tuple[str, str]] = (),
    ) -> None:
        self._source = source
        self._destination = destination
        self._options = options
        self.controls = controls or Controls()
        self._swaps = {mine: other for mine, other in swaps if other and mine != other}
        self._model = ProgressModel(options.downtime)
        self._released = not options.hold
        self._cancelled_at: float | None = None
        self._downtime_before: int | None = None
        self._autostart = False
        self._seen: Mapping[str, Any] = {}
        """The last statistics that counted anything: libvirt sets them to 0 when it gives up."""
        self.verdict: Verdict | None = None

    async def run(self, *, begun: bool = False) -> AsyncIterator[Progress]:
        """Migrate, and yield how far it is. Raises ``VmmError`` only before anything was started.

        Args:
            begun: whether libvirt is at it already, since whoever began it has gone: then it is only followed.
        """
        began = time.monotonic()
        if not begun:
            await self._prepare()
        mover = Libvirtd(self._source.uri, changes=True)
        task = None if begun else asyncio.create_task(mover.ask(self._move, deadline=None))
        last: Progress | None = None
        why = ""
        try:
            async for last in self._follow(task):
                yield last
            if task is not None:
                if not task.done():
                    raise MonitorTimeout(f"libvirt ({self._source.uri}) does not answer any more")
                task.result()
        except VmmError as error:
            why = self._reason(error)
        finally:
            if task is not None:
                task.cancel()
            mover.close()
        verdict = await judge(self._source, self._destination, why)
        await self._tidy(verdict)
        last = await self._last(verdict, why)
        yield last
        self.verdict = replace(verdict, downtime=last.downtime, total=time.monotonic() - began)

    async def _prepare(self) -> None:
        """Look at both sides before anything is done, and set the downtime limit."""
        here = await self._source.state()
        if here is None:
            raise MonitorAbsent(f"libvirt ({self._source.uri}) has no domain {self._source.name}")
        if here[0] not in (_RUNNING, _BLOCKED, _PAUSED):
            raise CommandRefused("migrate", "state", f"{self._source.name} is {_NAMES.get(here[0], here[0])}")
        there = await self._destination.state()
        if there is not None and there[0] not in (_SHUTOFF, _CRASHED):
            raise CommandRefused("migrate", "state", f"{self._source.name} is {_NAMES[there[0]]} there already")

        def limit(library: Any, connection: Any) -> tuple[int, bool]:
            domain = find_domain(library, connection, self._source.uuid)
            before = domain.migrateGetMaxDowntime()
            domain.migrateSetMaxDowntime(self._milliseconds(self._options.downtime))
            return int(before), bool(domain.isPersistent() and domain.autostart())

        self._downtime_before, self._autostart = await self._source.libvirt.ask(limit)

    def _milliseconds(self, seconds: float) -> int:
        return round((seconds if self._released else HELD) * 1000)

    def _move(self, library: Any, connection: Any) -> None:
        """Hand it over; returns when it is there, or will not go."""
        domain = find_domain(library, connection, self._source.uuid)
        flags = library.VIR_MIGRATE_LIVE | library.VIR_MIGRATE_PEER2PEER
        parameters: dict[str, Any] = {}
        if domain.isPersistent():  # else a restart of the source's host could start it a second time
            flags |= library.VIR_MIGRATE_PERSIST_DEST | library.VIR_MIGRATE_UNDEFINE_SOURCE
        if self._options.bandwidth is not None:
            parameters[library.VIR_MIGRATE_PARAM_BANDWIDTH] = _mebibytes(self._options.bandwidth)
        if self._options.wire.connections > 1:
            flags |= library.VIR_MIGRATE_PARALLEL
            parameters[library.VIR_MIGRATE_PARAM_PARALLEL_CONNECTIONS] = self._options.wire.connections
        if self._options.wire.encrypted:
            flags |= library.VIR_MIGRATE_TLS
        if self._options.uri:
            parameters[library.VIR_MIGRATE_PARAM_URI] = self._options.uri
        if self._swaps:
            secure = library.VIR_DOMAIN_XML_SECURE | library.VIR_DOMAIN_XML_MIGRATABLE
            parameters[library.VIR_MIGRATE_PARAM_DEST_XML] = swap_devices(domain.XMLDesc(secure), self._swaps)
            if domain.isPersistent():
                kept = domain.XMLDesc(secure | library.VIR_DOMAIN_XML_INACTIVE)
                parameters[library.VIR_MIGRATE_PARAM_PERSIST_XML] = swap_devices(kept, self._swaps)
        domain.migrateToURI3(self._destination.uri, parameters, flags)

    async def _follow(self, task: asyncio.Task[None] | None) -> AsyncIterator[Progress]:
        """Yield how far it is until libvirt has brought it to an end, or answers no more."""
        heard = time.monotonic()
        while True:
            try:
                found = await self._source.libvirt.ask(self._source.job, deadline=_QUICK)
                heard = time.monotonic()
            except CommandRefused:  # libvirt itself waits for QEMU, or for its own lock
                found, heard = None, time.monotonic()
            except VmmError:
                found = None
                if time.monotonic() - heard > LOST_AFTER:
                    return
            else:
                if task is None and (found is None or not migrating(found[0])):
                    return
            if found is not None and found[0].get("operation", MIGRATION_OUT) == MIGRATION_OUT:
                stats, paused = found
                yield self._take(stats, phase_of(stats, paused=paused))
            await self._control()
            if task is None:
                await asyncio.sleep(POLL)
            elif (await asyncio.wait([task], timeout=POLL))[0]:
                return

    def _take(self, stats: Mapping[str, Any], phase: str, error: str = "") -> Progress:
        if stats.get("memory_total"):
            self._seen = stats
        return self._model.take(as_query_migrate(self._seen or stats, phase, error), time.monotonic())

    async def _control(self) -> None:
        """Do what the operator wants."""
        controls, now = self.controls, time.monotonic()
        if controls.cancel.is_set():
            if self._cancelled_at is None or now - self._cancelled_at > _CANCEL_AGAIN:
                self._cancelled_at = now
                await self._tell(lambda domain: domain.abortJob())
            return
        if controls.go.is_set() and not self._released:
            self._released = True
            limit = self._milliseconds(self._model.downtime_limit)
            await self._tell(lambda domain: domain.migrateSetMaxDowntime(limit))
        if controls.changed.is_set():
            controls.changed.clear()
            bandwidth, downtime = controls.bandwidth, controls.downtime
            if bandwidth is not None:
                await self._tell(lambda domain: domain.migrateSetMaxSpeed(_mebibytes(bandwidth)))
            if downtime is not None:
                self._model.downtime_limit = downtime
                limit = self._milliseconds(downtime)
                await self._tell(lambda domain: domain.migrateSetMaxDowntime(limit))

    async def _tell(self, order: Any, party: DomainParty | None = None) -> None:
        """Give an order about the domain, to the source where nobody else is named."""
        party = party or self._source

        def question(library: Any, connection: Any) -> None:
            domain = find_domain(library, connection, party.uuid)
            if domain is not None:
                order(domain)

        with contextlib.suppress(VmmError):  # what came of it shows
            await party.libvirt.ask(question, deadline=_QUICK)

    def _reason(self, error: VmmError) -> str:
        if self._cancelled_at is not None:
            return "it was cancelled"
        return error.text if isinstance(error, CommandRefused) else str(error)

    async def _tidy(self, verdict: Verdict) -> None:
        """Set the downtime limit back where it stayed; have it started with its host where it arrived, as before."""
        if verdict.moved and self._autostart:
            await self._tell(lambda domain: domain.setAutostart(1), self._destination)
        before = self._downtime_before
        if verdict.where is Where.SOURCE and before is not None:
            await self._tell(lambda domain: domain.migrateSetMaxDowntime(before))

    async def _last(self, verdict: Verdict, why: str) -> Progress:
        """Return how it ended; where it arrived, with what libvirt there counted."""
        stats: Mapping[str, Any] = {}
        if not verdict.moved:
            return self._take(stats, "cancelled" if self._cancelled_at is not None else "failed", why)

        def question(library: Any, connection: Any) -> dict[str, Any]:
            domain = find_domain(library, connection, self._destination.uuid)
            return dict(domain.jobStats(library.VIR_DOMAIN_JOB_STATS_COMPLETED)) if domain is not None else {}

        with contextlib.suppress(VmmError):
            stats = await self._destination.libvirt.ask(question, deadline=_QUICK)
        return self._take(stats, "completed")


def _mebibytes(bandwidth: int) -> int:
    """Return MiB a second, which is all that libvirt can count in; 0 = no limit."""
    return max(1, bandwidth >> 20) if bandwidth else _FASTEST
