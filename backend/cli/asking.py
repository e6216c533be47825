"""Questions on the terminal, which Ctrl-C ends whenever it comes."""

from __future__ import annotations

import os
import select
import signal
import sys
from collections.abc import Iterator
from contextlib import contextmanager


def ask(question: str) -> str:
    """Return the line that is answered, empty at the end of input.

    A plain ``readline`` misses a Ctrl-C that comes just before it waits: Python notes it, and the wait goes on. So the
    wait is for input or for a signal. Raises ``KeyboardInterrupt``. For the main thread only.
    """
    with _signals() as signals:
        sys.stdout.flush()
        sys.stderr.write(question)
        sys.stderr.flush()
        while True:
            ready, _, _ = select.select([sys.stdin, signals], [], [])
            if signals in ready and signal.SIGINT in os.read(signals, 64):
                raise KeyboardInterrupt
            if sys.stdin in ready:
                return sys.stdin.readline().strip()


def agreed(question: str) -> bool:
    """Tell whether the answer is yes."""
    return ask(f"{question} [y/N] ").lower() in ("y", "yes")


@contextmanager
def _signals() -> Iterator[int]:
    """Give a descriptor from which the numbers of the signals that arrive can be read."""
    reader, writer = os.pipe2(os.O_NONBLOCK | os.O_CLOEXEC)
    before = signal.set_wakeup_fd(writer)
    try:
        yield reader
    finally:
        signal.set_wakeup_fd(before)
        os.close(reader)
        os.close(writer)
