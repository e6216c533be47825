"""The forked child of a headless command. Each test is a small program: only one with a single thread may fork."""

from __future__ import annotations

import os
import subprocess
import sys
import time
from pathlib import Path

ROOT = Path(__file__).resolve().parents[3]


def run(script: str, *arguments: str) -> tuple[subprocess.CompletedProcess[str], float]:
    """Run a script; return what it did, and the seconds until nobody held its streams."""
    began = time.monotonic()
    done = subprocess.run(
        [sys.executable, "-W", "error", "-c", "from backend.host.fork import Forked\n" + script, *arguments],
        cwd=ROOT, stdin=subprocess.PIPE, capture_output=True, text=True, timeout=20, check=False,
    )  # fmt: skip
    return done, time.monotonic() - began


def test_a_value_comes_back_from_another_process() -> None:
    done, _ = run(
        "import os; r = Forked(lambda: [os.getpid(), 'é\\n', None]).result(10); print(r, r[0] != os.getpid())"
    )
    assert done.returncode == 0, done.stderr
    assert done.stdout.endswith("'é\\n', None] True\n")


def test_a_large_value_comes_whole() -> None:
    done, _ = run("print(len(Forked(lambda: 'x' * 9_000_000).result(20)))")
    assert done.stdout == "9000000\n"


def test_a_child_that_fails_says_nothing_and_is_an_error() -> None:
    done, _ = run(
        "try: Forked(lambda: 1 / 0).result(10)\nexcept ChildProcessError as e: print('failed:', e)\n"
        "try: Forked(lambda: {1, 2}).result(10)\nexcept ChildProcessError as e: print('failed:', e)"
    )
    assert done.stdout.count("ended without an answer") == 2
    assert done.stderr == ""


def test_no_zombie_stays() -> None:
    done, _ = run(
        "import os\nForked(lambda: 1).result(10)\n"
        "try: print(os.waitpid(-1, os.WNOHANG))\nexcept ChildProcessError: print('none')"
    )
    assert done.stdout == "none\n"


def test_a_child_that_hangs_is_left_behind_and_holds_no_stream(tmp_path: Path) -> None:
    fifo = tmp_path / "fifo"
    os.mkfifo(fifo)
    done, seconds = run(
        "import os, sys, time\n"
        "child = Forked(lambda: open(sys.argv[1]).read())\n"
        "def fds(): return {os.readlink(f'/proc/{child.pid}/fd/{n}') for n in (0, 1, 2)}\n"
        "until = time.monotonic() + 5\n"
        "while fds() != {'/dev/null'} and time.monotonic() < until: time.sleep(0.01)\n"
        "try: child.result(0.3)\n"
        "except TimeoutError: print('late', fds(), os.getsid(child.pid) == child.pid)",
        str(fifo),
    )
    assert done.stdout == "late {'/dev/null'} True\n", done.stderr
    assert seconds < 10
