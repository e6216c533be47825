"""Whether the cost of a snapshot grows with the number of devices, and no faster."""

from __future__ import annotations

from itertools import pairwise

from tests.bench import measure, targets, tools
from tests.bench.context import Bench
from tests.bench.measure import Command
from tests.bench.report import Report, Skip, Target
from tests.bench.sections import snapshot

_BASE = "XS"
"""What a snapshot of this size costs counts as the start of the program, not as the price of devices."""
_LEAST = 9
"""A snapshot of M is short: so many rounds at least."""


def run(bench: Bench) -> Report:
    """Measure our snapshot and the floor at all sizes in turn.

    The least of the rounds counts here: what disturbs a run only ever adds, and disturbs M more than L.
    """
    report = Report(
        "linear",
        "CPU a device, without the start, as the host grows",
        ["size", "devices", "iovtop CPU s", "µs a device", "floor CPU s", "µs a device", "iovtop × floor"],
    )
    devices = _sizes(bench, report)
    commands = [command for size in devices for command in _commands(bench, report, size)]
    runs = measure.run_in_turn(commands, bench.trees.home(), max(bench.options.repeat, _LEAST))
    cost: dict[str, dict[str, float]] = {size: {} for size in devices}
    for command in commands:
        size, name = command.name.split(" ", 1)
        if problem := runs[command.name].problem:
            report.failures[command.name] = problem
        else:
            cost[size][name] = runs[command.name].least_cpu
    each = {size: _net(cost, devices, size) for size in devices if size != _BASE}
    for size, net in each.items():
        ours, floor = (net.get(name) for name in (snapshot.OURS, snapshot.FLOOR))
        report.row(
            size, str(devices[size]), cost[size].get(snapshot.OURS), ours, cost[size].get(snapshot.FLOOR),
            floor, ours / floor if ours and floor else None,
        )  # fmt: skip
        for name, value in net.items():
            report.figures[f"{name} at {size}: us_per_device"] = value
    for smaller, larger in pairwise(each):
        _target(report, each, smaller, larger)
    return report


def _sizes(bench: Bench, report: Report) -> dict[str, int]:
    """Generate all trees; return the number of devices of each."""
    sizes = [_BASE, "M", "L"]
    if bench.options.xl:
        sizes.append("XL")
    else:
        report.skipped["XL"] = "use --xl; it needs 8 GB of memory and some minutes"
    devices = {}
    for size in sizes:
        try:
            devices[size] = bench.trees.get(size)[1].devices
        except Skip as reason:
            report.skipped[size] = str(reason)
    return devices


def _commands(bench: Bench, report: Report, size: str) -> list[Command]:
    root, _ = bench.trees.get(size)
    commands = [Command(f"{size} {snapshot.FLOOR}", [str(tools.program("floor")), str(root), "full"])]
    try:
        ours = snapshot.ours(bench, root)
        commands.append(Command(f"{size} {snapshot.OURS}", ours.argv, warm=ours.warm))
    except Skip as reason:
        report.skipped[snapshot.OURS] = str(reason)
    return commands


def _net(cost: dict[str, dict[str, float]], devices: dict[str, int], size: str) -> dict[str, float]:
    """Return microseconds a device by command, without what the smallest tree costs."""
    more = devices[size] - devices[_BASE]
    base = cost[_BASE]
    return {name: 1e6 * (cpu - base[name]) / more for name, cpu in cost[size].items() if name in base}


def _target(report: Report, each: dict[str, dict[str, float]], smaller: str, larger: str) -> None:
    growth = {name: value / each[smaller][name] for name, value in each[larger].items() if name in each[smaller]}
    if snapshot.OURS in growth and snapshot.FLOOR in growth:
        what = f"growth of µs a device {smaller} → {larger}, {snapshot.OURS} / {snapshot.FLOOR}"
        value = growth[snapshot.OURS] / growth[snapshot.FLOOR]
        report.targets.append(Target(what, value, targets.LINEAR_GROWTH))
