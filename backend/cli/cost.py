"""``iovtop doctor --cost``: the price of each sampler, as it says itself and as it is here and now."""

from __future__ import annotations

import asyncio
import contextlib
import sys
from collections.abc import Iterator

from backend.cli.output import write_json
from backend.cli.snapshot import take
from backend.counters.all import meter_of
from backend.counters.cost import Cost, CostMeter
from backend.host.doors import HostDoors
from backend.model.host import Host

SCHEMA = "iovtop.cost/1"


def print_costs(doors: HostDoors, *, as_json: bool) -> None:
    """Measure and print."""
    host = take(doors)
    costs, uncounted = asyncio.run(_measure(doors, host))
    if as_json:
        document = {
            "schema": SCHEMA, "simulated": host.simulated, "devices": len(host.devices), "samplers": costs,
            "uncounted": uncounted,
        }  # fmt: skip
        write_json(document)
    else:
        sys.stdout.write("".join(f"{line}\n" for line in _lines(host, costs, uncounted)))


async def _measure(doors: HostDoors, host: Host) -> tuple[list[Cost], str]:
    meter = meter_of(doors)
    with contextlib.closing(CostMeter(doors, host)) as costs:
        found = [costs.measure(sampler) for sampler in meter.samplers]
        found += [await costs.measure_waiting(sampler) for sampler in meter.waiting]
        return found, costs.uncounted


def _lines(host: Host, costs: list[Cost], uncounted: str) -> Iterator[str]:
    if host.simulated:
        yield f"SIMULATED: {host.source_detail}; CPU is what the simulation takes"
    yield f"one tick of all {len(host.devices)} devices, in this process; each figure for one function is in brackets"
    yield ""
    yield f"{'sampler':<12} {'functions':>9} {'every':>6} {'CPU ms':>16} {'reads':>14} {'bytes':>16} {'syscalls':>14}"
    for cost in costs:
        yield _line(cost)
    total = sum(cost.cpu / cost.every for cost in costs)
    yield ""
    yield f"all together, each as often as it is read: {total:.1%} of one core"
    if uncounted:
        yield f"syscalls: {uncounted}"
    yield "only what is on screen or recorded is read; what a child process does that waits for a driver is not in it"
    yield ""
    for cost in costs:
        needs = f"; needs {cost.needs}" if cost.needs else ""
        yield f"{cost.sampler:<12} {cost.title}: system calls {cost.declared}{needs}"


def _line(cost: Cost) -> str:
    if not cost.functions:
        return f"{cost.sampler:<12} {'-':>9} {cost.every:>4g} s  {cost.why}"
    each = cost.functions

    def both(value: float, form: str) -> str:
        return f"{value:{form}} ({value / each:{form}})"

    calls = both(cost.syscalls, ".0f") if cost.syscalls is not None else "?"
    said = (
        f"{cost.sampler:<12} {each:>9} {cost.every:>4g} s {both(cost.cpu * 1e3, '.3f'):>16} "
        f"{both(cost.reads, '.0f'):>14} {both(cost.bytes, '.0f'):>16} {calls:>14}"
    )
    return f"{said}  {cost.why}" if cost.why else said
