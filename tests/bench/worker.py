"""Runs one measurement of our own code in a fresh process, and prints its result as JSON.

python -m tests.bench.worker tick|holders|readlinks|model-heap|model-rss|dicts-heap|screen ARGUMENT…
"""

from __future__ import annotations

import gc
import json
import os
import subprocess
import sys
import time
import tracemalloc
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from typing import Any

from tests.bench import adapters, measure, paths
from tests.bench.manifest import Manifest
from tests.bench.report import Skip


def call(task: str, *arguments: str | Path | float) -> dict[str, Any]:
    """Run a task in a process of its own and return its result.

    Raises:
        Skip: the task said so.
        RuntimeError: it failed; the message is the last line of its traceback.
    """
    argv = [sys.executable, "-m", "tests.bench.worker", task, *map(str, arguments)]
    done = subprocess.run(
        argv, capture_output=True, text=True, env=measure.environment(), cwd=paths.CHECKOUT, check=False
    )
    if done.returncode:
        raise RuntimeError((done.stderr.strip().splitlines() or [f"{task}: no message"])[-1])
    result: dict[str, Any] = json.loads(done.stdout.splitlines()[-1])
    if "skip" in result:
        raise Skip(result["skip"])
    return result


def _tick(sysfs_root: str, seconds: str) -> dict[str, Any]:
    return dict(adapters.live_tick_cost(sysfs_root, float(seconds)))


def _holders(seconds: str) -> dict[str, Any]:
    return dict(adapters.scan_holders(float(seconds)))


def _readlinks(seconds: str) -> dict[str, Any]:
    """Scan as ``adapters.scan_holders`` must, and do nothing with what is found."""
    begin, cpu, scans = time.monotonic(), time.process_time(), 0
    while not scans or time.monotonic() - begin < float(seconds):
        scans += 1
        processes = descriptors = 0
        for entry in os.listdir("/proc"):
            if entry.isdigit():
                processes += 1
                descriptors += _read_descriptors(entry)
    spent = time.process_time() - cpu
    return {"scans": scans, "cpu_s": spent, "processes": processes, "descriptors": descriptors}


def _read_descriptors(pid: str) -> int:
    count = 0
    try:
        directory = os.open(f"/proc/{pid}/fd", os.O_RDONLY | os.O_DIRECTORY)
    except OSError:  # gone, or not ours
        return 0
    try:
        for name in os.listdir(directory):
            with suppress(OSError):
                os.readlink(name, dir_fd=directory)
                count += 1
    except OSError:
        pass
    finally:
        os.close(directory)
    return count


def _model_heap(small: str, large: str) -> dict[str, Any]:
    """Bytes of Python objects. A small tree is loaded before, so that modules and caches do not count."""
    adapters.load_host(small)
    return _heap(lambda: adapters.load_host(large))


def _dicts_heap(manifest: str) -> dict[str, Any]:
    """Bytes of the model that anybody would write first: a dict of strings for each device."""
    truth = Manifest.load(Path(manifest))
    names = [*truth.pci, *truth.mdevs]
    return _heap(lambda: ([{f"field{n}": f"{name} {n}" for n in range(20)} for name in names], len(names)))


def _heap(load: Callable[[], tuple[object, int]]) -> dict[str, Any]:
    gc.collect()
    tracemalloc.start()
    kept, devices = load()
    gc.collect()
    held, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    del kept
    return {"devices": devices, "bytes": held, "peak": peak}


def _model_rss(small: str, large: str) -> dict[str, Any]:
    adapters.load_host(small)
    gc.collect()
    before = _rss()
    kept, devices = adapters.load_host(large)
    gc.collect()
    after = _rss()
    del kept
    return {"devices": devices, "bytes": after - before, "process": after}


def _rss() -> int:
    for line in Path("/proc/self/status").read_text(encoding="ascii").splitlines():
        if line.startswith("VmRSS:"):
            return int(line.split()[1]) * 1024
    raise RuntimeError("/proc/self/status has no VmRSS")


def _screen(kind: str, rows: str) -> dict[str, Any]:
    from tests.bench.screens import measure as measure_screen

    return measure_screen(kind, int(rows))


_TASKS: dict[str, Callable[..., dict[str, Any]]] = {
    "tick": _tick,
    "holders": _holders,
    "readlinks": _readlinks,
    "model-heap": _model_heap,
    "model-rss": _model_rss,
    "dicts-heap": _dicts_heap,
    "screen": _screen,
}


def main() -> int:
    """Run the task named on the command line."""
    task, *arguments = sys.argv[1:]
    try:
        result = _TASKS[task](*arguments)
    except Skip as reason:
        result = {"skip": str(reason)}
    print(json.dumps(result))
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
