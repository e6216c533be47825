"""The screen: how soon it stands, how much it writes and what it costs, on a terminal of 200 × 50."""

from __future__ import annotations

import statistics

from tests.bench import measure, pty_meter
from tests.bench.context import Bench
from tests.bench.report import Report, Skip

_OURS = "iovtop --sim scale"
_STARTS = 2
"""Starts beside the one that is measured for longer."""


def run(bench: Bench) -> Report:
    """Run one screen after another, each alone, at its own pace."""
    report = Report(
        "terminal",
        "the screen on a terminal of 200 × 50",
        ["program", "first frame s", "KiB at start", "bytes/s", "% of a core", "PSS MiB", "bytes/s × htop"],
    )
    programs: dict[str, list[str]] = {}
    for name in ("htop", "top", "btop", "glances"):
        if measure.installed(name):
            programs[name] = [name]
        else:
            report.skipped[name] = f"{name} is not installed"
    try:
        programs[_OURS] = bench.iovtop("--sim", "scale")
    except Skip as reason:
        report.skipped[_OURS] = str(reason)
    htop: float | None = None
    variables = _environment(bench)
    for name, argv in programs.items():
        starts = [pty_meter.run(argv, variables, warm_up=2.5, seconds=0.0) for _ in range(_STARTS)]
        screen = pty_meter.run(argv, variables, seconds=bench.options.seconds)
        frames = [run.first_frame for run in (*starts, screen) if run.first_frame is not None]
        first_frame = statistics.median(frames) if frames else None
        if not screen.alive:
            report.failures[name] = f"ended early: {screen.tail or 'no message'}"
            continue
        if name == "htop":
            htop = screen.bytes_per_second
        report.row(
            name, first_frame, screen.start_bytes / 1024, screen.bytes_per_second, screen.cpu_percent,
            screen.pss_mib, screen.bytes_per_second / htop if htop else None,
        )  # fmt: skip
        report.figures[f"{name}: bytes_per_s"] = screen.bytes_per_second
        report.figures[f"{name}: cpu_percent"] = screen.cpu_percent
        if first_frame is not None:
            report.figures[f"{name}: first_frame_s"] = first_frame
    report.notes.append("the first frame is wall time, the median of three starts: only for an idle machine")
    return report


def _environment(bench: Bench) -> dict[str, str]:
    """Return an environment in which nobody's own settings are read or written."""
    home = bench.trees.home() / "terminal"
    home.mkdir(exist_ok=True)
    names = ("HOME", "XDG_CONFIG_HOME", "XDG_STATE_HOME", "XDG_DATA_HOME", "XDG_CACHE_HOME")
    return {**measure.environment(), **{name: str(home) for name in names}}
