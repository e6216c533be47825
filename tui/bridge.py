"""From a live session to the screen: deltas in, one message out, however many came meanwhile."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import AsyncIterator, Callable, Hashable, Mapping
from typing import Protocol, TypeVar

from textual.message import Message

from backend.model.counters import Flow
from backend.model.delta import Changes, Delta
from backend.model.device import Device
from backend.model.host import Host
from backend.state.closer import CloserLook
from backend.state.guarded import GuardedFact
from backend.state.live import LiveStatus
from tui.history import History

_log = logging.getLogger(__name__)

K = TypeVar("K", bound=Hashable)
V = TypeVar("V")


class Player(Protocol):
    """What steers a session that is played (``backend.recording.replay.Replay``). Moments are seconds since 1970."""

    playing: bool
    now: float

    @property
    def first(self) -> float:
        """The first moment there is."""
        ...

    @property
    def last(self) -> float:
        """The last one."""
        ...

    @property
    def speed(self) -> float:
        """Recorded seconds that go by in one."""
        ...

    def faster(self, steps: int) -> None:
        """Play faster by so many steps, or slower where they are negative."""
        ...

    def pause(self, paused: bool) -> None:
        """Let time stand still, or go on."""
        ...

    def seek(self, seconds: float) -> None:
        """Go so many seconds on, or back where they are negative."""
        ...


class Session(Protocol):
    """What the screen asks of a host, live (``backend.state.live.Live``) or played."""

    visible: frozenset[str]
    measure_all: bool
    interval: float
    status: LiveStatus

    @property
    def host(self) -> Host | None:
        """The last picture; None before the first."""
        ...

    @property
    def player(self) -> Player | None:
        """What steers the session where it is a recording; None where it is live."""
        ...

    def deltas(self) -> AsyncIterator[Delta]:
        """Yield every change, for ever."""
        ...

    async def guarded_facts(self, device: Device) -> tuple[GuardedFact, ...]:
        """Return what a device tells only under its lock; never takes long."""
        ...

    async def closer_look(self, device: Device) -> CloserLook:
        """Return regions and attributes of a device; waits for no lock."""
        ...

    def recent(self, subject: str, flow: Flow, place: int) -> list[float | None]:
        """Return the last values of one counter of a flow, the newest last."""
        ...

    def close(self) -> None:
        """Let go of the host; never waits."""
        ...


class HostChanged(Message):
    """The host changed: ``Bridge.take`` tells how. A burst is one message."""

    def can_replace(self, message: Message) -> bool:
        """Give way to the next one of its kind: it tells the same."""
        return isinstance(message, HostChanged)


class SessionEnded(Message):
    """The session will tell nothing more."""

    def __init__(self, reason: str) -> None:
        super().__init__()
        self.reason = reason


class Bridge:
    """Follows a session and merges what the screen has not seen yet."""

    def __init__(self, session: Session, post: Callable[[Message], object]) -> None:
        self.session = session
        self.history = History()
        self._post = post
        self._pending: Delta | None = None
        self._paused = False
        self._task: asyncio.Task[None] | None = None

    @property
    def paused(self) -> bool:
        """Whether the screen stands still while the session goes on."""
        return self._paused

    @property
    def waiting(self) -> int:
        """How many records changed that the screen has not shown."""
        pending = self._pending
        if pending is None:
            return 0
        kinds = (pending.devices, pending.groups, pending.parents)
        return sum(len(changes.keys()) for changes in kinds) + pending.host_changed

    def start(self) -> None:
        """Begin to follow, in the running loop."""
        self._task = asyncio.get_running_loop().create_task(self._follow(), name="bridge")

    def close(self) -> None:
        """Stop. Waits for nothing."""
        if self._task is not None:
            self._task.cancel()
        self.session.close()

    def pause(self, paused: bool) -> None:
        """Hold messages back, or let what has gathered through."""
        self._paused = paused
        if not paused and self._pending is not None:
            self._post(HostChanged())

    def take(self) -> Delta | None:
        """Return everything since the last call as one step; None when there is nothing, or while paused."""
        if self._paused:
            return None
        pending, self._pending = self._pending, None
        return pending

    async def _follow(self) -> None:
        try:
            async for delta in self.session.deltas():
                self.history.take(delta)
                self._pending = delta if self._pending is None else merged(self._pending, delta)
                self._post(HostChanged())
        except OSError as error:
            _log.error("the session ended: %s", error)
            self._post(SessionEnded(f"{error.filename or 'host'}: {error.strerror or error}"))
        except Exception as error:
            _log.exception("the session ended")
            self._post(SessionEnded(f"{type(error).__name__}: {error}"))
        else:
            self._post(SessionEnded("the session has ended"))


def merged(first: Delta, second: Delta) -> Delta:
    """Return one delta that leads from where ``first`` begins to where ``second`` ends."""
    old, new = first.old, second.new
    return Delta(
        second.sequence,
        old,
        new,
        _merged(first.devices, second.devices, old.devices, new.devices),
        _merged(first.parents, second.parents, old.parents, new.parents),
        _merged(first.groups, second.groups, old.groups, new.groups),
        first.host_changed or second.host_changed,
        _merged(first.vms, second.vms, old.vms, new.vms),
        first.activity | second.activity,
    )


def _merged(first: Changes[K, V], second: Changes[K, V], old: Mapping[K, V], new: Mapping[K, V]) -> Changes[K, V]:
    added: dict[K, V] = {}
    removed: dict[K, V] = {}
    changed: dict[K, tuple[V, V]] = {}
    for key in first.keys() | second.keys():
        before, after = old.get(key), new.get(key)
        if before is None and after is not None:
            added[key] = after
        elif before is not None and after is None:
            removed[key] = before
        elif before is not None and after is not None and before is not after:
            changed[key] = (before, after)
    return Changes(added, removed, changed)
