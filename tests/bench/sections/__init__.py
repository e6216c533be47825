"""The sections of the benchmark, in the order in which they run."""

from __future__ import annotations

from collections.abc import Callable

from tests.bench.context import Bench
from tests.bench.report import Report
from tests.bench.sections import counters, holders, linear, memory, screen, snapshot, startup, terminal, tick

SECTIONS: dict[str, Callable[[Bench], Report]] = {
    "snapshot": snapshot.run,
    "linear": linear.run,
    "tick": tick.run,
    "memory": memory.run,
    "startup": startup.run,
    "holders": holders.run,
    "counters": counters.run,
    "terminal": terminal.run,
    "screen": screen.run,
}
