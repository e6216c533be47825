"""Recording the counters of every VF once a second, with nothing painted."""

from __future__ import annotations

import json
import os
import re
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

from tests.bench import namespaces, paths, tools
from tests.bench.context import Bench
from tests.bench.measure import environment
from tests.bench.report import Report, Skip

_TICKS = 5
_INTERFACES = 1024
_TOTAL = re.compile(r"^100\.00\s+\S+\s+\S*\s*(\d+)\s.*total$", re.MULTILINE)


def run(bench: Bench) -> Report:
    """Measure a tree of VFs against the floor, and real interfaces against ``ip`` and the floor."""
    report = Report(
        "counters",
        "recording counters at one tick a second, nothing painted",
        ["what", "functions", "% of a core", "CPU µs each", "reads each", "bytes each", "× floor", "× ip -s -j link"],
    )
    root, _ = bench.trees.get(bench.options.size)
    _make_interrupts(root)
    if reason := namespaces.why_not():
        raise Skip(reason)
    found = _call(namespaces.on_sys(root, []), "tree", _TICKS)
    floor = tools.floor(root, "reopen", repeat=bench.options.repeat)
    each = found["cpu_s"] / max(found["reads"], 1) / (floor.cpu_ms / 1e3 / floor.attributes)
    _row(report, f"VFs of the tree {bench.options.size}", found["vfs"], found, each, None)
    report.notes.append("the figures of a tree and of idle interfaces stand still: moving ones take more bytes")
    report.notes.append(f"{found['readings']:.0f} readings a tick; × floor is CPU for each file read, both on tmpfs")
    _system_calls(report, root, found["vfs"])
    try:
        real = _real_interfaces()
    except Skip as reason:
        report.skipped["real interfaces"] = str(reason)
    else:
        _row(report, "real interfaces", _INTERFACES, real, real["to_floor"], real["to_ip"])
        report.notes.append(f"ip -s -j link takes {1e6 * real['ip_cpu_s'] / _INTERFACES:.1f} µs an interface")
    return report


def _make_interrupts(root: Path) -> None:
    """Give every vector of the tree's devices its count: no other section reads these."""
    irqs = root / "kernel" / "irq"
    if irqs.is_dir():
        return
    for device in (root / "bus/pci/devices").iterdir():
        vectors = device / "msi_irqs"
        for vector in vectors.iterdir() if vectors.is_dir() else ():
            folder = irqs / vector.name
            folder.mkdir(parents=True)
            (folder / "per_cpu_count").write_text(f"{vector.name},0\n", encoding="ascii")


def _row(report: Report, name: str, count: int, found: dict[str, Any], to_floor: float, to_ip: float | None) -> None:
    each = found["cpu_s"] / count
    reads, size = found["reads"] / count, found["bytes"] / count
    report.row(name, str(count), 100 * found["cpu_s"], 1e6 * each, reads, size, to_floor, to_ip)
    report.figures |= {f"{name}: {key}": float(value) for key, value in found.items()}


def _system_calls(report: Report, root: Path, vfs: int) -> None:
    """Count every system call of a tick: what a run of several has more than a run of one."""
    if shutil.which("strace", path=environment()["PATH"]) is None:
        report.skipped["system calls"] = "strace is not installed"
        return
    counts = []
    for ticks in (1, 3):
        summary = root.parent / "strace"
        try:
            _call(namespaces.on_sys(root, ["strace", "-f", "-c", "-o", str(summary)]), "tree", ticks)
        except RuntimeError as error:
            report.skipped["system calls"] = str(error)
            return
        total = _TOTAL.search(summary.read_text(encoding="utf-8"))
        assert total is not None, summary.read_text(encoding="utf-8")[-400:]
        counts.append(int(total[1]))
    calls = (counts[1] - counts[0]) / 2
    report.notes.append(f"{calls:.0f} system calls a tick, {calls / vfs:.1f} a VF")
    report.figures["system calls a tick"] = calls


def _real_interfaces() -> dict[str, Any]:
    if reason := namespaces.why_not():
        raise Skip(reason)
    if shutil.which("ip", path=environment()["PATH"]) is None:
        raise Skip("ip (iproute2) is not installed")
    tools.program("floor")  # built, or missed, before there are interfaces
    try:
        return _call(["unshare", "--mount", "--net", "--propagation", "private"], "interfaces", _INTERFACES, _TICKS)
    except RuntimeError as error:
        raise Skip(str(error)) from error


def _call(before: list[str], *arguments: str | int) -> dict[str, Any]:
    argv = [*before, sys.executable, "-m", "tests.bench.recording", *map(str, arguments)]
    done = subprocess.run(
        argv, capture_output=True, text=True, env={**environment(), "HOME": os.environ.get("HOME", "/")},
        cwd=paths.CHECKOUT, check=False,
    )  # fmt: skip
    if done.returncode:
        raise RuntimeError((done.stderr.strip().splitlines() or ["no message"])[-1])
    found: dict[str, Any] = json.loads(done.stdout.splitlines()[-1])
    return found
