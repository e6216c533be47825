"""Plays a recording: a session like a live host's, at a speed and from a moment of the operator's choice."""

from __future__ import annotations

import asyncio
import contextlib
import time
from collections.abc import AsyncGenerator, Iterator, Mapping, Sequence
from dataclasses import replace

from backend.counters.flows import Flows
from backend.counters.thresholds import ThresholdWatch
from backend.model.counters import Flow
from backend.model.delta import Delta
from backend.model.device import Device
from backend.model.host import Host
from backend.model.steps import Steps
from backend.model.threshold import Alarm, Threshold
from backend.recording.recording import Moment, Recording
from backend.state.closer import CloserLook
from backend.state.diff import difference
from backend.state.guarded import GuardedFact
from backend.state.live import LiveStatus, empty_host
from backend.state.schedule import in_slices

SPEEDS = (0.25, 0.5, 1.0, 2.0, 5.0, 10.0, 30.0, 60.0, 300.0)

WARM_UP = 120.0
"""Seconds before the moment that was asked for which are read too: its small histories."""
SHORTEST = 0.1
"""Seconds between two pictures, however fast time goes."""
LONGEST = 3.0
"""Seconds between two pictures where nothing was recorded for longer: a hole is not sat through."""
_BATCH = 256


class Replay:
    """One recording, playing in this process's event loop.

    Args:
        recording: what is played; it is closed with the session.
        order: set → its place: the best source of a measure comes first.
        thresholds: what is told of: recorded or not, they are the operator's of today.
        speed: recorded seconds that go by in one.
        since: the moment to begin with, in seconds since the epoch; None: the first.

    Attributes:
        visible: which devices are on screen: a recording holds the same whatever is.
        measure_all: likewise.
        status: how it goes.
        interval: seconds between two recorded moments.
        playing: whether time goes on.
        now: the moment that is shown, in seconds since the epoch.
    """

    def __init__(
        self,
        recording: Recording,
        order: Mapping[str, int],
        thresholds: Sequence[Threshold] = (),
        *,
        speed: float = 1.0,
        since: float | None = None,
    ) -> None:
        self.visible: frozenset[str] = frozenset()
        self.measure_all = False
        self.status = LiveStatus(events=True)
        self.interval = max(SHORTEST, (recording.last - recording.first) / max(1, recording.frames - 1))
        self.playing = True
        self.now = recording.first
        self._recording = recording
        self._at = recording.first
        """How far it was read on."""
        self._order = order
        self._speed = speed
        self._target: float | None = recording.first if since is None else self._within(since)
        self._aim: float | None = None
        """The moment that was asked for last, until it is shown."""
        self._flows = Flows(order)
        self._thresholds = thresholds
        self._watch = ThresholdWatch(thresholds)
        self._alarms: tuple[Alarm, ...] = ()
        self._moments: Iterator[Moment] = iter(())
        self._next: Moment | None = None
        self._host: Host | None = None
        self._shown: Host | None = None
        self._sequence = 0
        self._wake = asyncio.Event()

    @property
    def player(self) -> Replay:
        """What steers it: itself."""
        return self

    @property
    def host(self) -> Host | None:
        """The moment that is shown; None before the first."""
        return self._shown

    @property
    def first(self) -> float:
        """When the recording begins."""
        return self._recording.first

    @property
    def last(self) -> float:
        """When it ends."""
        return self._recording.last

    @property
    def speed(self) -> float:
        """Recorded seconds that go by in one."""
        return self._speed

    def faster(self, steps: int) -> None:
        """Play faster by so many steps, or slower where they are negative."""
        near = min(range(len(SPEEDS)), key=lambda place: abs(SPEEDS[place] - self._speed))
        self._speed = SPEEDS[max(0, min(near + steps, len(SPEEDS) - 1))]
        self._wake.set()

    def pause(self, paused: bool) -> None:
        """Let time stand still, or go on; from its end a recording goes on at its beginning."""
        self.playing = not paused
        if self.playing and self.now >= self.last:
            self._aim = self._target = self.first
        self._wake.set()

    def seek(self, seconds: float) -> None:
        """Go so many seconds on, or back where they are negative."""
        self._aim = self._target = self._within((self.now if self._aim is None else self._aim) + seconds)
        self._wake.set()

    async def deltas(self) -> AsyncGenerator[Delta, None]:
        """Yield a delta for every moment that is shown, for ever. Raises ``BadRecording``."""
        while True:
            if self._target is not None:
                target, self._target = self._target, None
                await self._go_to(target)
                if self._target is not None:
                    continue
            elif self.playing and self._next is not None:
                ahead = (self._next.time - self._at) / self._speed
                pause = min(max(ahead, SHORTEST), LONGEST)
                if await self._asked_within(pause):
                    continue
                await self._read_on(max(self._next.time, self._at + pause * self._speed))
            else:
                self.playing = False
                await self._asked_within(None)
                continue
            delta = self._step()
            if delta:
                yield delta

    def recent(self, subject: str, flow: Flow, place: int) -> list[float | None]:
        """Return the last values of one counter of a flow, the newest last."""
        ring = self._flows.ring(subject, flow, place)
        return ring.recent() if ring is not None else []

    async def guarded_facts(self, device: Device) -> tuple[GuardedFact, ...]:
        """Return nothing: these are asked of a device, and no device is here."""
        return ()

    async def closer_look(self, device: Device) -> CloserLook:
        """Return why there is none."""
        return CloserLook(reason="not recorded: a recording holds devices, holders and counters")

    def close(self) -> None:
        """Let go of the file."""
        self._moments = iter(())
        self._recording.close()

    async def _go_to(self, moment: float) -> None:
        """Make ``moment`` the one that is shown: by reading on where it is near, else from a segment before it."""
        if self._host is None or not 0 <= moment - self._at <= WARM_UP:
            self._flows, self._watch = Flows(self._order), ThresholdWatch(self._thresholds)
            self._moments = self._recording.moments(moment - WARM_UP)
            self._host, self._next = None, next(self._moments, None)
        await self._read_on(moment)

    async def _read_on(self, until: float) -> None:
        """Take in the moments up to a time, one at least, until another moment is asked for."""
        while self._next is not None and (self._next.time <= until or self._host is None) and self._target is None:
            await in_slices(self._take(self._next))
            self._host, self._at = self._next.host, self._next.time
            self._next = next(self._moments, None)

    def _take(self, moment: Moment) -> Steps[None]:
        self._flows.take((), moment.gone)
        for first in range(0, len(moment.readings), _BATCH):
            self._flows.take(moment.readings[first : first + _BATCH])
            yield
        self._alarms = self._watch.judge(self._flows.activity, moment.time)

    def _step(self) -> Delta | None:
        if self._host is None:
            return None
        self.now, self._aim = self._at, None
        new = replace(self._host, activity=self._flows.activity, alarms=self._alarms, taken_at=self.now)
        old = self._shown if self._shown is not None else empty_host(new)
        delta = difference(old, new, self._sequence)
        self._sequence += 1
        self._shown = new
        self.status.reading = False
        self.status.last_update = time.monotonic()
        return delta

    async def _asked_within(self, seconds: float | None) -> bool:
        """Wait; return whether something was asked meanwhile."""
        with contextlib.suppress(TimeoutError):
            await asyncio.wait_for(self._wake.wait(), seconds)
        asked = self._wake.is_set()
        self._wake.clear()
        return asked

    def _within(self, moment: float) -> float:
        return min(max(moment, self._recording.first), self._recording.last)
