"""Ways to run iovtop: here, or as a process of its own."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path

ROOT = Path(__file__).resolve().parents[3]


def environment(**more: str) -> dict[str, str]:
    """Return the environment of a plain user without any configuration."""
    kept = {name: value for name, value in os.environ.items() if not name.startswith(("XDG_", "PYTEST"))}
    plain = {"PYTHONPATH": str(ROOT), "PYTHONIOENCODING": "utf-8", "TERM": "xterm", "XDG_CONFIG_HOME": "/nonexistent"}
    return kept | plain | {"XDG_STATE_HOME": "/nonexistent"} | more


def iovtop(*arguments: str, **more: str) -> subprocess.CompletedProcess[str]:
    """Run the command and return what it said."""
    return subprocess.run(
        [sys.executable, "-m", "tui", *arguments],
        cwd="/", env=environment(**more), stdin=subprocess.DEVNULL, capture_output=True, text=True, timeout=50,
        check=False,
    )  # fmt: skip


def script(text: str, *arguments: str) -> subprocess.CompletedProcess[str]:
    """Run a Python program that may import ours."""
    return subprocess.run(
        [sys.executable, "-c", text, *arguments],
        cwd="/", env=environment(), stdin=subprocess.DEVNULL, capture_output=True, text=True, timeout=50, check=False,
    )  # fmt: skip


def started(arguments: Sequence[str]) -> subprocess.Popen[str]:
    """Start the command, its output in a pipe. It can be interrupted, even where these tests run in the background."""
    return subprocess.Popen(
        ["env", "--default-signal=INT", sys.executable, "-m", "tui", *arguments],
        cwd="/", env=environment(), stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
    )  # fmt: skip
