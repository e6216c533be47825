"""What the model of a large host weighs."""

from __future__ import annotations

from pathlib import Path

from tests.bench import targets, worker
from tests.bench.context import Bench
from tests.bench.report import Report, Skip, Target

_DICTS = "a dict of 20 strings for each device"
_HEAP = "iovtop's model, Python objects"
_RSS = "iovtop's model, growth of the process"


def run(bench: Bench) -> Report:
    """Measure Python objects with tracemalloc, and the process without it."""
    size = bench.options.size
    report = Report("memory", f"the model of a host at {size}", ["what", "devices", "MiB", "bytes a device", "× dicts"])
    small, _ = bench.trees.get("XS")
    large, manifest = bench.trees.get(size)
    truth = bench.trees.home() / "manifest.json"
    manifest.save(truth)
    cells: dict[str, float] = {}
    for name, task, arguments in (
        (_DICTS, "dicts-heap", [truth]),
        (_HEAP, "model-heap", [small, large]),
        (_RSS, "model-rss", [small, large]),
    ):
        if (each := _measure(report, name, task, arguments, cells.get(_DICTS))) is not None:
            cells[name] = each
    if _HEAP in cells and _DICTS in cells and size in targets.SIZES:
        report.targets.append(Target(f"{_HEAP} / {_DICTS}", cells[_HEAP] / cells[_DICTS], targets.MODEL_TO_DICTS))
    return report


def _measure(report: Report, name: str, task: str, arguments: list[Path], reference: float | None) -> float | None:
    try:
        result = worker.call(task, *arguments)
    except Skip as reason:
        report.skipped[name] = str(reason)
        return None
    except RuntimeError as error:
        report.failures[name] = str(error)
        return None
    each = float(result["bytes"] / max(result["devices"], 1))
    report.row(name, str(result["devices"]), result["bytes"] / 2**20, each, each / reference if reference else None)
    report.figures[f"{name}: bytes_per_device"] = each
    return each
