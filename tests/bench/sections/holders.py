"""The scan of all descriptors of all processes: who holds which device."""

from __future__ import annotations

from tests.bench import targets, worker
from tests.bench.adapters import HolderCost
from tests.bench.context import Bench
from tests.bench.crowd import crowd
from tests.bench.report import Report, Skip, Target

_BARE = "Python, one readlink a descriptor"
_OURS = "iovtop, all holders"
_PROCESSES, _DESCRIPTORS = 300, 60


def run(bench: Bench) -> Report:
    """Measure on this machine's /proc, with a crowd of idle processes added so that there is something."""
    report = Report(
        "holders",
        "one scan of /proc for holders",
        ["what", "scans", "processes", "descriptors", "CPU ms a scan", "µs a descriptor", "× readlinks"],
    )
    seconds = min(bench.options.seconds, 3.0)
    cost: dict[str, float] = {}
    with crowd(_PROCESSES, _DESCRIPTORS):
        for name, task in ((_BARE, "readlinks"), (_OURS, "holders")):
            try:
                result: HolderCost = worker.call(task, seconds)  # type: ignore[assignment]
            except Skip as reason:
                report.skipped[name] = str(reason)
                continue
            except RuntimeError as error:
                report.failures[name] = str(error)
                continue
            cost[name] = 1e3 * result["cpu_s"] / max(result["scans"], 1)
            report.row(
                name, str(result["scans"]), str(result["processes"]), str(result["descriptors"]), cost[name],
                1e3 * cost[name] / max(result["descriptors"], 1), cost[name] / cost.get(_BARE, cost[name]),
            )  # fmt: skip
            report.figures[f"{name}: cpu_ms"] = cost[name]
    report.notes.append(f"{_PROCESSES} idle processes with {_DESCRIPTORS} descriptors each were added")
    if _OURS in cost and _BARE in cost:
        ratio = cost[_OURS] / cost[_BARE]
        report.targets.append(Target(f"{_OURS} / {_BARE}", ratio, targets.HOLDERS_TO_READLINKS))
    return report
