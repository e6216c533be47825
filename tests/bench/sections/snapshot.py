"""One snapshot of a whole host: our command beside the tools of today and the cost of the system calls."""

from __future__ import annotations

import os
from pathlib import Path

from tests.bench import measure, namespaces, peers, targets, tools
from tests.bench.context import Bench
from tests.bench.manifest import Manifest
from tests.bench.measure import Command, Runs
from tests.bench.report import Report, Skip, Target

OURS = "iovtop snapshot"
FLOOR, LEAN = "C floor full", "C floor lean"
LSPCI = "lspci -vmmk"
_ORDER = ("XS", "S", "M", "L", "XL")


def ours(bench: Bench, root: Path) -> Command:
    """Return our snapshot command for a tree."""
    argv = bench.iovtop("--sysfs", root, "snapshot", "--format", "json")
    return Command(OURS, argv, warm=True)


def run(bench: Bench) -> Report:
    """Measure at one size and check that every address and UUID is in our output."""
    size = bench.options.size
    report = Report(
        "snapshot",
        f"one snapshot at {size}, CPU seconds",
        ["command", "runs", "CPU s", "wall s", "RSS MiB", "× floor", "× lspci -vmmk", "found", "knows"],
    )
    root, manifest = bench.trees.get(size)
    commands = _commands(bench, root, report)
    runs = measure.run_in_turn(commands, bench.trees.home(), bench.options.repeat)
    base = {name: _usable(runs.get(name)) for name in (FLOOR, LSPCI)}
    for command in commands:
        _row(report, command.name, runs[command.name], base, manifest)
    for name, limit in ((LSPCI, targets.SNAPSHOT_TO_LSPCI), (FLOOR, targets.SNAPSHOT_TO_FLOOR)):
        ratio = report.figures.get(f"{OURS}: by {name}")
        if ratio is not None and size in targets.SIZES:
            report.targets.append(Target(f"{OURS} / {name}", ratio, limit))
    report.notes.append(f"tree: {manifest.counts}; load average {os.getloadavg()[0]:.1f}")
    return report


def _commands(bench: Bench, root: Path, report: Report) -> list[Command]:
    commands = []
    try:
        commands.append(ours(bench, root))
    except Skip as reason:
        report.skipped[OURS] = str(reason)
    floor = str(tools.program("floor"))
    commands.append(Command(FLOOR, [floor, str(root), "full"]))
    commands.append(Command(LEAN, [floor, str(root), "lean"]))
    for peer in peers.PEERS:
        if unfit := _unfit(peer, bench):
            report.skipped[peer.name] = unfit
        else:
            commands.append(Command(peer.name, peer.argv, sysfs=root))
    return commands


def _unfit(peer: peers.Peer, bench: Bench) -> str:
    if not measure.installed(peer.argv[0]):
        return f"{peer.argv[0]} is not installed"
    if not namespaces.inside():
        return namespaces.why_not()
    size = bench.options.size
    if not bench.options.slow and peer.slow_above and _ORDER.index(size) > _ORDER.index(peer.slow_above):
        return f"too slow at {size}; use --slow, or --size {peer.slow_above}"
    return ""


def _usable(runs: Runs | None) -> Runs | None:
    return runs if runs and not runs.problem else None


def _row(report: Report, name: str, runs: Runs, base: dict[str, Runs | None], manifest: Manifest) -> None:
    if runs.problem:
        report.failures[name] = runs.problem
        return
    peer = next((peer for peer in peers.PEERS if peer.name == name), None)
    check: peers.Check = peer.check if peer else "both" if name == OURS else ""
    seen, wanted = peers.found(check, manifest, runs.output)
    if name == OURS and seen != wanted:
        report.failures[name] = f"only {seen} of {wanted} addresses and UUIDs are in the output"
    cells = [runs.ratio(reference) if reference else None for reference in base.values()]
    knows = peer.knows if peer else "everything" if name == OURS else "–"
    report.row(
        name, str(len(runs.samples)), runs.cpu, runs.wall, runs.rss_mib, *cells,
        f"{seen}/{wanted}" if check else "–", knows,
    )  # fmt: skip
    report.figures[f"{name}: cpu_s"] = runs.cpu
    report.figures[f"{name}: rss_mib"] = runs.rss_mib
    for reference, value in zip(base, cells, strict=True):
        if value is not None:
            report.figures[f"{name}: by {reference}"] = value
