"""A host that is kept up to date: events and ticks in, deltas out."""

from __future__ import annotations

import asyncio
import contextlib
import time
from collections.abc import AsyncGenerator, Collection, Sequence
from dataclasses import dataclass, replace

from backend.counters.all import meter_of
from backend.counters.meter import Listener
from backend.counters.sampler import WaitingSampler
from backend.counters.thresholds import ThresholdWatch
from backend.host.doors import HostDoors, Overflow, StillWaiting, Uevent
from backend.model.counters import HOST, Flow
from backend.model.delta import Delta
from backend.model.device import Device
from backend.model.host import HolderScan, Host, Iommu
from backend.model.threshold import Threshold
from backend.probe.holders import HolderFindings
from backend.probe.surroundings import owner_of
from backend.state.aside import scanner_for
from backend.state.closer import CloserLook, look_closer
from backend.state.collect import Collector
from backend.state.diff import difference
from backend.state.guarded import GuardedFact, read_guarded_facts
from backend.state.policies import Policies, pfs_to_ask, read_policies
from backend.state.schedule import COALESCE, Tiers, in_slices

FIRST_PATIENCE = 1.0
"""Seconds that the first picture waits for what PFs enforce on their VFs."""

HOLDER_DEADLINE = 15.0
"""Seconds after which a look for holders is left behind."""

LISTING_TICKS = 5
"""Ticks from one listing of all devices to the next, where the kernel tells of those that come and go."""


@dataclass(slots=True)
class LiveStatus:
    """How the session is doing."""

    reading: bool = True
    """Whether a full reading is going on."""
    events: bool = False
    """Whether the kernel tells of changes; otherwise only looking again does."""
    last_update: float = 0.0
    """Monotonic seconds of the last completed reading."""
    error: str = ""
    """What is wrong with the session itself, in one sentence."""


class Live:
    """One host, live, in this process's event loop.

    Attributes:
        visible: ids of the devices on screen; only these are read and measured at each tick.
        measure_all: whether every device is measured, on screen or not.
        status: how the session is doing.
    """

    def __init__(
        self,
        doors: HostDoors,
        interval: float = 1.0,
        thresholds: Sequence[Threshold] = (),
        *,
        histories: bool = True,
    ) -> None:
        self._doors = doors
        self._collector = Collector(doors)
        self._scanner = scanner_for(doors)
        self._tiers = Tiers(fast=interval)
        self._dirty: set[str] = set()
        self._rescan = False
        self._look = asyncio.Event()
        self._ask_links = asyncio.Event()
        self._looked: HolderFindings | str = ""
        """What the last look for holders found, or why it did not; "" when that has been taken in."""
        self._told: Policies = {}
        """What PFs told of their VFs that has not been taken in."""
        self._wake = asyncio.Event()
        self._sequence = 0
        self._ticks = 0
        self._shown: Host | None = None
        self._tasks: list[asyncio.Task[None]] = []
        self._meter = meter_of(doors, histories=histories) if doors.source.kind != "capture" else None
        self._watch = ThresholdWatch(thresholds)
        self.visible: frozenset[str] = frozenset()
        self.measure_all = False
        self.status = LiveStatus()

    @property
    def host(self) -> Host | None:
        """The picture that the last delta led to; None before the first."""
        return self._shown

    @property
    def interval(self) -> float:
        """Seconds between two ticks."""
        return self._tiers.fast

    @interval.setter
    def interval(self, seconds: float) -> None:
        self._tiers = Tiers(fast=seconds, slow=max(10.0, seconds))
        self._wake.set()

    async def deltas(self) -> AsyncGenerator[Delta, None]:
        """Yield a delta whenever something changed. The first leads from an empty host to the first picture."""
        beside = self._meter.waiting if self._meter is not None else ()
        measuring = (self._measure_beside(sampler) for sampler in beside)
        work = (self._listen(), self._look_for_holders(), self._ask_for_policies(), *measuring)
        self._tasks = [asyncio.create_task(one) for one in work]
        self._look.set()
        try:
            await self._read_all()
            with contextlib.suppress(TimeoutError):
                await asyncio.wait_for(self._read_policies(), FIRST_PATIENCE)
            await self._take_answers()
            yield self._step()
            due_full = due_slow = time.monotonic()
            while True:
                now = time.monotonic()
                full = self._tiers.full if self.status.events else self._tiers.full_without_events
                if self._rescan or now - due_full >= full:
                    self._rescan = False
                    await self._read_all()
                    due_full = time.monotonic()
                elif now - due_slow >= self._tiers.slow:
                    await in_slices(self._collector.read_slow())
                    self._look.set()
                    self._ask_links.set()
                    due_slow = time.monotonic()
                else:
                    await self._read_fast()
                await self._take_answers()
                await self._measure()
                self.status.last_update = time.monotonic()
                if self._collector.look_wanted:
                    self._collector.look_wanted = False
                    self._look.set()
                delta = self._step()
                if delta:
                    yield delta
                await self._pause()
        finally:
            for task in self._tasks:
                task.cancel()

    @property
    def player(self) -> None:
        """What steers a session that is played: nothing, for this one is live."""
        return None

    def listen_to_readings(self, listener: Listener) -> None:
        """Have ``listener`` told of all that is measured."""
        if self._meter is not None:
            self._meter.listeners.append(listener)

    def recent(self, subject: str, flow: Flow, place: int) -> list[float | None]:
        """Return the last values of one counter of a flow, the newest last."""
        ring = self._meter.ring(subject, flow, place) if self._meter is not None else None
        return ring.recent() if ring is not None else []

    async def guarded_facts(self, device: Device) -> tuple[GuardedFact, ...]:
        """Return the facts of a device that may wait for its lock; never longer than a short deadline."""
        return await read_guarded_facts(self._doors, device)

    async def closer_look(self, device: Device) -> CloserLook:
        """Return the regions and attributes of a device; waits for no lock."""
        return look_closer(self._doors, device)

    def close(self) -> None:
        """Let go of everything; never waits."""
        for task in self._tasks:
            task.cancel()
        self._scanner.close()
        if self._meter is not None:
            self._meter.close()
        self._doors.close()

    async def _pause(self) -> None:
        """Wait for the next tick, or for an event and the rest of its burst."""
        if not self._wake.is_set():
            with contextlib.suppress(TimeoutError):
                await asyncio.wait_for(self._wake.wait(), self._tiers.fast)
        if self._wake.is_set():
            await asyncio.sleep(COALESCE)
            self._wake.clear()

    async def _read_all(self) -> None:
        self.status.reading = True
        self._dirty.clear()
        await in_slices(self._collector.read_all(self._found_meanwhile))
        self.status.reading = False
        self.status.last_update = time.monotonic()

    async def _read_fast(self) -> None:
        names = self._dirty | self.visible
        self._dirty = set()
        if not self.status.events or self._ticks % LISTING_TICKS == 0:
            names |= self._collector.unlisted()
        self._ticks += 1
        await in_slices(self._collector.read_some(names))

    def _found_meanwhile(self) -> HolderFindings | None:
        """Return what a look for holders found while everything was read."""
        looked = self._looked
        if not isinstance(looked, HolderFindings):
            return None
        self._looked = ""
        return looked

    async def _take_answers(self) -> None:
        """Take in what was found and told beside the readings: here, for one reading is in flight at a time."""
        told, self._told = self._told, {}
        if told:
            await in_slices(self._collector.set_policies(told))
        looked, self._looked = self._looked, ""
        if isinstance(looked, HolderFindings):
            await in_slices(self._collector.set_holders(looked))
        elif looked:
            await in_slices(self._collector.holders_failed(looked))

    async def _measure(self) -> None:
        host = self._collector.host
        if self._meter is not None and host is not None:
            await in_slices(self._meter.read(host, self._measured(host)))

    async def _measure_beside(self, sampler: WaitingSampler) -> None:
        """Measure what may have to wait for a driver, without anybody waiting for it."""
        while True:
            host = self._collector.host
            if self._meter is not None and host is not None:
                await self._meter.read_waiting(sampler, host, self._measured(host))
            await asyncio.sleep(self._tiers.fast)

    def _measured(self, host: Host) -> Collection[str]:
        if self.measure_all:
            return {*host.devices, HOST}
        return set(host.devices) if self._watch.wanted else self.visible

    def _step(self) -> Delta:
        new = self._collector.host
        assert new is not None
        if self._meter is not None and self._meter.activity:
            alarms = self._watch.judge(self._meter.activity, self._doors.clock.monotonic())
            new = replace(new, activity=self._meter.activity, alarms=alarms)
        old = self._shown if self._shown is not None else empty_host(new)
        delta = difference(old, new, self._sequence)
        if delta:
            self._sequence += 1
        self._shown = new
        return delta

    async def _listen(self) -> None:
        self.status.events = True
        try:
            async for event in self._doors.events.stream():
                if isinstance(event, Overflow):
                    self._rescan = True
                else:
                    self._take(event)
                self._wake.set()
        except OSError:
            self.status.events = False

    def _take(self, event: Uevent) -> None:
        """Note which devices an event speaks of."""
        if event.subsystem in ("pci", "mdev"):
            self._dirty.add(event.devpath.rpartition("/")[2])
        elif event.subsystem in ("net", "vfio-dev", "block", "nvme"):
            self._dirty.add(owner_of(event.devpath) or event.devpath.rsplit("/", 3)[-3:][0])
        if event.subsystem in ("vfio-dev", "net", "block") or event.properties.get("EVENT") in ("create", "destroy"):
            self._look.set()
        if event.subsystem == "pci" and event.action in ("add", "remove"):
            self._ask_links.set()
        if "MDEV_STATE" in event.properties:
            self._rescan = True

    async def _ask_for_policies(self) -> None:
        """Ask what PFs enforce on their VFs whenever wanted, one question at a time."""
        while True:
            await self._ask_links.wait()
            self._ask_links.clear()
            await self._read_policies()
            self._wake.set()

    async def _read_policies(self) -> None:
        host = self._collector.host
        pfs = pfs_to_ask(host.devices.values()) if host is not None else {}
        if pfs and self._doors.source.kind in ("live", "simulated"):
            self._told = {**self._told, **await read_policies(self._doors, pfs)}

    async def _look_for_holders(self) -> None:
        """Look for holders whenever asked, one look at a time."""
        while True:
            await self._look.wait()
            self._look.clear()
            try:
                self._looked = await self._scanner.scan(HOLDER_DEADLINE)
            except StillWaiting as waiting:
                self._looked = f"the look for holders has not come back: {waiting}"
            except OSError as error:
                self._looked = f"the look for holders failed: {error.strerror or error}"
            self._wake.set()


def empty_host(like: Host) -> Host:
    """Return a host without any device: what the first delta starts from."""
    return Host(
        like.name, like.source, like.source_detail, "", "", 0.0, like.uid, Iommu((), ""), {}, {}, {}, (),
        HolderScan(False),
    )  # fmt: skip
