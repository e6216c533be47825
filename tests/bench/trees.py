"""The trees of one run: generated once each, in memory, gone afterwards."""

from __future__ import annotations

import atexit
import shutil
import subprocess
import sys
import tempfile
import time
from pathlib import Path

from tests.bench import namespaces, paths
from tests.bench.gen_sysfs import SIZES, build_size
from tests.bench.manifest import Manifest
from tests.bench.report import Skip

_MEMORY_MIB = {"XS": 10, "S": 50, "M": 300, "L": 2600, "XL": 8000}
"""Memory that must be free before a tree of a size is generated."""


def _free_mib() -> int:
    for line in Path("/proc/meminfo").read_text(encoding="ascii").splitlines():
        if line.startswith("MemAvailable:"):
            return int(line.split()[1]) // 1024
    return 0


class Trees:
    """Generated trees by size.

    In a private mount namespace they lie in a tmpfs that the namespace takes with it; otherwise in a folder
    that is removed at exit, in /dev/shm where that is writable.
    """

    def __init__(self) -> None:
        self._home: Path | None = None
        self._made: dict[str, tuple[Path, Manifest]] = {}

    def get(self, size: str) -> tuple[Path, Manifest]:
        """Return the root and the manifest of a tree.

        Raises:
            Skip: too little memory is free.
        """
        if size not in self._made:
            free = _free_mib()
            if free < _MEMORY_MIB[size]:
                raise Skip(f"a tree of size {size} needs {_MEMORY_MIB[size]} MiB free, there are {free}")
            root = self.home() / size
            print(f"generating {size}: {SIZES[size].devices} devices …", end=" ", file=sys.stderr, flush=True)
            begin = time.monotonic()
            self._made[size] = root, build_size(root, size)
            print(f"{time.monotonic() - begin:.1f} s", file=sys.stderr, flush=True)
        return self._made[size]

    def home(self) -> Path:
        """Return the folder that holds the trees and scratch files, in memory if it can be."""
        if self._home is None:
            self._home = self._mounted() if namespaces.inside() else self._temporary()
        return self._home

    def _mounted(self) -> Path:
        path = paths.cache() / "tmpfs"
        path.mkdir(exist_ok=True)
        options = "mode=0755,size=90%,nr_inodes=0"
        subprocess.run(["mount", "-t", "tmpfs", "-o", options, "iovtop-bench", path], check=True)
        return path

    def _temporary(self) -> Path:
        memory = Path("/dev/shm")
        try:
            path = Path(tempfile.mkdtemp(prefix="iovtop-bench.", dir=memory))
        except OSError:
            path = Path(tempfile.mkdtemp(prefix="trees.", dir=paths.cache()))
        atexit.register(shutil.rmtree, path, ignore_errors=True)
        return path
