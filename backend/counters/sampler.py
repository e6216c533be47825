"""What a sampler is: it says what it reads, what it needs and what it costs, and reads when asked."""

from __future__ import annotations

import errno
import os
from collections.abc import Iterable, Iterator, Sequence, Set
from dataclasses import dataclass
from typing import Protocol

from backend.host.doors import Clock
from backend.model.counters import CounterSet, CounterState, Reading, Stamp
from backend.model.device import Device
from backend.model.holder import Holder, HolderKind
from backend.model.host import Host

FAST = 1.0
SLOW = 10.0
"""Seconds between two readings of one subject: of what moves, and of what hardly does or costs much."""


@dataclass(frozen=True, slots=True)
class About:
    """What a sampler is for those who choose."""

    id: str
    title: str
    sets: tuple[CounterSet, ...]
    needs: str
    """What must be allowed or there, in words; "" when everybody can read it."""
    cost: str
    """System calls of one reading, in words."""
    period: float = FAST
    host_wide: bool = False
    """Whether it counts for the whole host, and only while somebody looks at that."""


class Sampler(Protocol):
    """Reads counters that never make their reader wait."""

    @property
    def about(self) -> About:
        """What it reads, needs and costs."""
        ...

    def read(self, host: Host, devices: Sequence[Device]) -> Iterator[Reading | None]:
        """Yield readings of ``devices``, or of the processes that hold them; None where others may run."""
        ...

    def forget(self, subjects: Set[str]) -> None:
        """Let go of what is kept for subjects that nobody asks for any more."""
        ...

    def close(self) -> None:
        """Let go of descriptors."""
        ...


class WaitingSampler(Protocol):
    """Reads counters whose reader may have to wait for a driver: through the guarded door only."""

    @property
    def about(self) -> About:
        """What it reads, needs and costs."""
        ...

    async def gather(self, host: Host, devices: Sequence[Device]) -> list[Reading]:
        """Return readings of ``devices``, or of the processes that hold them."""
        ...


def stamp(clock: Clock) -> Stamp:
    """Return this moment."""
    return Stamp(clock.monotonic(), clock.boottime())


def state_of(error: OSError, what: str) -> tuple[CounterState, str]:
    """Return what an error while reading ``what`` says of a counter, and the reason in words."""
    name = errno.errorcode.get(error.errno or 0, "error")
    if error.errno in (errno.EACCES, errno.EPERM):
        return CounterState.HIDDEN, f"{what} needs root ({name})"
    if error.errno in (errno.ENOENT, errno.EOPNOTSUPP, errno.ENOTDIR):
        return CounterState.UNSUPPORTED, f"{what} is not there ({name})"
    return CounterState.UNKNOWN, f"{what} could not be read: {name}, {os.strerror(error.errno or 0)}"


def nothing(subject: str, of: CounterSet, at: Stamp, state: CounterState, reason: str, instance: str = "") -> Reading:
    """Return a reading without figures, and why."""
    return Reading(subject, of, (None,) * len(of.counters), at, instance, state, reason)


def whole(raw: bytes) -> int | None:
    """Return the whole number that a kernel file holds, or None when it holds none."""
    text = raw.strip()
    if len(text) > 24 or b"_" in text:
        return None
    try:
        return int(text)
    except ValueError:
        return None


def users_of(devices: Iterable[Device], *kinds: HolderKind) -> dict[int, Holder]:
    """Return the processes of these kinds that hold any of ``devices``, by pid."""
    return {
        holder.pid: holder
        for device in devices
        for holder in device.holders
        if holder.pid is not None and holder.kind in kinds
    }
