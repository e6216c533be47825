"""Processes with open descriptors, for a machine that has few of its own."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager

# Every child waits for the end of the pipe that the benchmark holds: they go when it goes, however it ends.
_SOURCE = """
import os, sys
children, descriptors = int(sys.argv[1]), int(sys.argv[2])
null = os.open(os.devnull, os.O_RDONLY)
for _ in range(descriptors - 4):
    os.dup(null)
for _ in range(children - 1):
    if not os.fork():
        break
else:
    print("ready", flush=True)
os.read(0, 1)
"""


@contextmanager
def crowd(processes: int, descriptors: int) -> Iterator[None]:
    """Keep that many processes, each with that many open descriptors, while the context lasts."""
    argv = [sys.executable, "-c", _SOURCE, str(processes), str(descriptors)]
    with subprocess.Popen(argv, stdin=subprocess.PIPE, stdout=subprocess.PIPE) as parent:
        assert parent.stdin is not None
        assert parent.stdout is not None
        parent.stdout.readline()
        try:
            yield
        finally:
            parent.stdin.close()
