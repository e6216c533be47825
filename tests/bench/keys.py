"""How soon a key shows on a pty, and how much is sent while one is held."""

from __future__ import annotations

import os
import select
import statistics
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from tests.bench.pty_meter import Session

_DOWN = b"\x1b[B"
_PRESSES = 60
_HELD_RATE = 30


@dataclass(frozen=True, slots=True)
class Keys:
    """What keys cost."""

    first_byte: float | None
    """Seconds until anything was drawn."""
    median_ms: float
    p95_ms: float
    held_kb: float
    """kB a second while a key repeats 30 times a second."""


def press(argv: Sequence[str], environment: Mapping[str, str], settle: float = 12.0) -> Keys:
    """Start a program, press Down now and then, then hold it."""
    session = Session(argv, environment, 120, 40)
    try:
        session.watch(session.begin + settle)
        times = []
        for _ in range(_PRESSES):
            session.watch(time.monotonic() + 0.1)
            begun = time.monotonic()
            os.write(session.terminal, _DOWN)
            if select.select([session.terminal], [], [], 2)[0]:
                times.append(1e3 * (time.monotonic() - begun))
        before, begun = session.total, time.monotonic()
        for number in range(_PRESSES):
            os.write(session.terminal, _DOWN)
            session.watch(begun + (number + 1) / _HELD_RATE)
        kb = (session.total - before) / 1000 / (time.monotonic() - begun)
    finally:
        session.end()
    times.sort()
    return Keys(session.first_byte, statistics.median(times), times[int(0.95 * len(times))], kb)
