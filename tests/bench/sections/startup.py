"""How long it takes until anything happens: the bare start of the command."""

from __future__ import annotations

import sys

from tests.bench import measure, targets
from tests.bench.context import Bench
from tests.bench.measure import Command
from tests.bench.report import Report, Skip, Target

_OURS = "iovtop --version"
_BARE = "python, argparse only"
_LEAST = 15
"""Short runs scatter: so many of them at least."""


def run(bench: Bench) -> Report:
    """Measure in turn, so that all see the same machine."""
    report = Report("startup", "the bare start", ["command", "runs", "CPU ms", "wall ms", "RSS MiB", "× bare start"])
    source = "import argparse; argparse.ArgumentParser().parse_args([])"
    commands = [
        Command(_BARE, [sys.executable, "-c", source], warm=True),
        Command("python, nothing", [sys.executable, "-c", ""], warm=True),
    ]
    try:
        commands.append(Command(_OURS, bench.iovtop("--version"), warm=True))
    except Skip as reason:
        report.skipped[_OURS] = str(reason)
    for peer in ("htop", "lspci"):
        if measure.installed(peer):
            commands.append(Command(f"{peer} --version", [peer, "--version"]))
        else:
            report.skipped[f"{peer} --version"] = f"{peer} is not installed"
    runs = measure.run_in_turn(commands, bench.trees.home(), max(bench.options.repeat, _LEAST))
    for command in commands:
        result = runs[command.name]
        if result.problem:
            report.failures[command.name] = result.problem
            continue
        ratio = result.ratio(runs[_BARE])
        count = str(len(result.samples))
        report.row(command.name, count, 1e3 * result.cpu, 1e3 * result.wall, result.rss_mib, ratio)
        report.figures[f"{command.name}: cpu_ms"] = 1e3 * result.cpu
        if command.name == _OURS:
            report.targets.append(Target(f"{_OURS} / {_BARE}", ratio, targets.STARTUP_TO_BARE))
    return report
