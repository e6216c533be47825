"""A screen of 20 000 rows: what changes cost, beside Textual's own Tree and DataTable with the same rows."""

from __future__ import annotations

import os
import sys

from tests.bench import keys, measure, pty_meter, targets, worker
from tests.bench.context import Bench
from tests.bench.report import Report, Skip, Target

ROWS = 20_000
_OURS, _STOCK = "iovtop", ("Tree", "DataTable")
_WHAT = ("fill", "mark", "unmark", "nothing seen", "random", "all", "insert", "remove", "rest")
_TITLES = {"random": "200 random rows change", "all": "all rows change", "mark": "one seen row changes"}
_SCALE = "scale:pfs=157,vfs=127,mdevs=0"
_TEN = "scale:pfs=78,vfs=127,mdevs=0"
_ROUNDS, _FILLED_ROUNDS = 15, 2
_LAST_ROW = b"0000:05:00.0"
_EMPTY = "from textual.app import App; App().run()"


def run(bench: Bench) -> Report:
    """Measure in processes of their own, one after another; then keys and first frames on a pty."""
    report = Report(
        "screen",
        f"{ROWS} rows at 120 × 40, CPU ms and bytes sent",
        ["what", *(f"{name} {unit}" for name in (_OURS, *_STOCK) for unit in ("ms", "bytes")), "ms by Tree"],
    )
    found: dict[str, dict[str, dict[str, float]]] = {}
    for kind in (_OURS, *_STOCK):
        try:
            found[kind] = worker.call("screen", kind, ROWS)
        except (Skip, RuntimeError) as error:
            report.failures[kind] = str(error)
    for what in _WHAT:
        cells: list[float | None] = []
        for kind in (_OURS, *_STOCK):
            cost = found.get(kind, {}).get(what)
            cells += [cost["cpu_ms"], cost["sent"]] if cost else [None, None]
            if cost:
                report.figures[f"{kind}: {what}: cpu_ms"] = cost["cpu_ms"]
                report.figures[f"{kind}: {what}: bytes"] = cost["sent"]
        ours, tree = cells[0], cells[2]
        report.row(_TITLES.get(what, what), *cells, ours / tree if ours is not None and tree else None)
    _limits(report, found.get(_OURS, {}))
    _on_a_terminal(bench, report)
    report.notes.append(f"load average {os.getloadavg()[0]:.1f}")
    return report


def _limits(report: Report, ours: dict[str, dict[str, float]]) -> None:
    for what, unit, limit in targets.SCREEN:
        if what in ours:
            report.targets.append(Target(f"{_TITLES.get(what, what)}, {unit}", ours[what][unit], limit))


def _start(argv: list[str], variables: dict[str, str], seconds: float, word: bytes = b"") -> pty_meter.Screen:
    return pty_meter.run(argv, variables, columns=120, rows=40, warm_up=seconds, seconds=0.0, word=word)


def _on_a_terminal(bench: Bench, report: Report) -> None:
    variables = measure.environment()
    home = bench.trees.home() / "screen"
    home.mkdir(exist_ok=True)
    variables |= {name: str(home) for name in ("HOME", "XDG_STATE_HOME", "XDG_CONFIG_HOME", "XDG_CACHE_HOME")}
    try:
        ours = bench.iovtop("--sim", _SCALE, "--no-restore")
        snapshot = measure.Command("snapshot", [*bench.iovtop("--sim", _SCALE), "snapshot"])
        empty, real, filled, snapshots = [], [], [], []
        for _ in range(_ROUNDS):
            empty.append(_start([sys.executable, "-c", _EMPTY], variables, 1.0))
            real.append(_start(bench.iovtop("--no-restore"), variables, 1.0, b"reading"))
        for _ in range(_FILLED_ROUNDS):
            filled.append(_start(ours, variables, 25.0, _LAST_ROW))
            snapshots.append(measure.run_once(snapshot, home, variables)[0].cpu)
        held = keys.press(ours, variables)
        ten = pty_meter.run(bench.iovtop("--sim", _TEN, "--no-restore"), variables, warm_up=8.0, seconds=2.0)
    except Skip as reason:
        report.skipped["on a terminal"] = str(reason)
        return
    blank = min(run.first_byte for run in empty if run.first_byte is not None)
    first = min(run.first_word for run in real if run.first_word is not None)
    frame = min((run.first_byte for run in real if run.first_byte is not None), default=None)
    report.targets.append(
        Target("first words by an empty Textual app's frame", first / blank, targets.FIRST_FRAME_TO_EMPTY)
    )
    report.notes.append(
        f"first words {first:.2f} s, an empty Textual app's frame {blank:.2f} s, our frame {frame or 0:.2f} s"
    )
    tree = min(run.first_cpu for run in filled if run.first_cpu)
    allowed = targets.FIRST_FRAME_TO_EMPTY * min(run.first_cpu for run in empty if run.first_cpu)
    allowed += targets.FILLED_TO_SNAPSHOT * min(snapshots)
    report.targets.append(
        Target("CPU of the filled tree, by 1.1 × an empty app's and 1.2 × a snapshot's", tree / allowed, 1.0)
    )
    report.targets.append(Target("key to paint while all is read anew, p95 ms", held.p95_ms, targets.KEY_TO_PAINT_MS))
    report.targets.append(Target("Down held, kB/s", held.held_kb, targets.HELD_KB))
    report.targets.append(Target("10 000 rows, PSS MiB", ten.pss_mib, targets.TEN_THOUSAND_MIB))
    report.notes.append(f"key to paint, median {held.median_ms:.1f} ms")
