"""The two small C programs, built when first wanted."""

from __future__ import annotations

import hashlib
import json
import os
import shutil
import subprocess
from dataclasses import dataclass
from functools import cache
from pathlib import Path

from tests.bench import paths
from tests.bench.report import Skip

_FLAGS = ("-O2", "-Wall")


@dataclass(frozen=True, slots=True)
class FloorResult:
    """Medians of one run of floor.c, each figure for one pass."""

    cpu_ms: float
    wall_ms: float
    syscalls: int
    attributes: int
    devices: int


@cache
def program(name: str) -> Path:
    """Return the built program of ``NAME.c``.

    Raises:
        Skip: there is no gcc, or it fails.
    """
    source = paths.HERE / f"{name}.c"
    digest = hashlib.sha256(source.read_bytes() + " ".join(_FLAGS).encode()).hexdigest()[:12]
    built = paths.cache() / f"{name}-{digest}"
    if built.exists():
        return built
    compiler = shutil.which("gcc")
    if compiler is None:
        raise Skip(f"gcc is not installed, {name}.c cannot be built")
    fresh = built.with_suffix(f".{os.getpid()}")
    done = subprocess.run([compiler, *_FLAGS, "-o", fresh, source], capture_output=True, text=True, check=False)
    if done.returncode:
        raise Skip(f"gcc cannot build {name}.c: {done.stderr.strip().splitlines()[-1]}")
    fresh.replace(built)
    return built


def floor(sysfs: Path, mode: str, *, repeat: int = 5, limit: int = 0) -> FloorResult:
    """Run one mode of floor.c; see there for what each reads."""
    argv = [str(program("floor")), str(sysfs), mode, str(repeat), str(limit)]
    done = subprocess.run(argv, capture_output=True, text=True, check=True)
    raw = json.loads(done.stdout)
    del raw["mode"]
    return FloorResult(**raw)
