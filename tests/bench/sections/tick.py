"""One tick of a live view, and what it would cost on a real sysfs."""

from __future__ import annotations

from tests.bench import kernfs, targets, tools, worker
from tests.bench.adapters import TickCost
from tests.bench.context import Bench
from tests.bench.report import Report, Skip, Target

_VISIBLE = 50
_OURS = "iovtop, one tick"


def run(bench: Bench) -> Report:
    """Measure the tick, the floor, and the factor between tmpfs and kernfs."""
    size = bench.options.size
    report = Report(
        "tick",
        f"one tick of a live view at {size}",
        [
            "what",
            "attributes",
            "CPU ms on tmpfs",
            "CPU ms as on kernfs",
            "% of a core at 1 Hz",
            "× 50-row floor",
        ],
    )
    root, _ = bench.trees.get(size)
    factor = _kernfs_factor(bench, report)
    visible = tools.floor(root, "reopen", repeat=21, limit=_VISIBLE)
    for name, cost in (
        (f"C floor, one listing, {_VISIBLE} rows × 3 attributes", visible),
        ("C floor, every function × 3 attributes", tools.floor(root, "reopen", repeat=bench.options.repeat)),
        ("C floor, relations of every device", tools.floor(root, "relations", repeat=bench.options.repeat)),
    ):
        _row(report, name, str(cost.attributes), cost.cpu_ms, factor, visible.cpu_ms)
    try:
        ours: TickCost = worker.call("tick", root, bench.options.seconds)  # type: ignore[assignment]
    except Skip as reason:
        report.skipped[_OURS] = str(reason)
        return report
    except RuntimeError as error:
        report.failures[_OURS] = str(error)
        return report
    cpu_ms = 1e3 * ours["cpu_s"] / max(ours["ticks"], 1)
    _row(report, f"{_OURS}, {ours['rows']} rows", "–", cpu_ms, factor, visible.cpu_ms)
    report.notes.append(f"{ours['ticks']} ticks of {ours['devices']} devices")
    if factor is not None and size in targets.SIZES:
        percent = cpu_ms * factor / 10
        report.targets.append(
            Target("% of a core at one tick a second, as on kernfs", percent, targets.TICK_CORE_PERCENT)
        )
    return report


def _kernfs_factor(bench: Bench, report: Report) -> float | None:
    try:
        factors = kernfs.factors(bench.trees.home())
    except Skip as reason:
        report.skipped["kernfs factor"] = str(reason)
        return None
    report.notes.append(
        f"CPU on kernfs by CPU on tmpfs ({kernfs.BRIDGES} real bridges and a copy of their attributes): "
        + ", ".join(f"{name} {value:.2f}" for name, value in factors.items())
    )
    for name, value in factors.items():
        report.figures[f"kernfs factor: {name}"] = value
    # The largest is the honest one: a tick is a mixture of them all.
    return max(factors.values())


def _row(report: Report, name: str, attributes: str, cpu_ms: float, factor: float | None, visible: float) -> None:
    real = cpu_ms * factor if factor is not None else None
    report.row(name, attributes, cpu_ms, real, real / 10 if real is not None else None, cpu_ms / visible)
    report.figures[f"{name}: cpu_ms"] = cpu_ms
