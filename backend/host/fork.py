"""Work in a forked child of a short-lived command, beside its own.

Only for a process with a single thread: a headless command. A program with threads asks an ``Attendant``.
"""

from __future__ import annotations

import json
import os
import select
import signal
import time
from collections.abc import Callable
from typing import Any


class Forked:
    """A child that runs ``work`` and sends back its JSON value; it may be left behind.

    The child leads its own session and holds none of our standard streams.
    """

    def __init__(self, work: Callable[[], Any]) -> None:
        self._pipe, answer = os.pipe()
        self.pid = os.fork()
        if self.pid == 0:
            os.close(self._pipe)
            _child(work, answer)
        os.close(answer)

    def result(self, deadline: float) -> Any:
        """Return the value.

        Raises ``TimeoutError`` when it did not come within ``deadline`` seconds from now, ``ChildProcessError``
        when the child failed.
        """
        until = time.monotonic() + deadline
        parts: list[bytes] = []
        try:
            while True:
                left = until - time.monotonic()
                if left <= 0 or not select.select([self._pipe], [], [], left)[0]:
                    os.kill(self.pid, signal.SIGKILL)
                    raise TimeoutError
                part = os.read(self._pipe, 1 << 20)
                if not part:
                    break
                parts.append(part)
        finally:
            os.close(self._pipe)
        text = b"".join(parts)
        # Its answer is complete: all that is left to it is to end.
        os.waitpid(self.pid, 0)
        if not text.endswith(b"\n"):
            raise ChildProcessError(f"child {self.pid} ended without an answer")
        return json.loads(text)


def _child(work: Callable[[], Any], answer: int) -> None:
    status = 1
    try:
        os.setsid()
        null = os.open(os.devnull, os.O_RDWR)
        for stream in (0, 1, 2):
            os.dup2(null, stream)
        text = json.dumps(work()).encode() + b"\n"
        view = memoryview(text)
        while view:
            view = view[os.write(answer, view) :]
        status = 0
    finally:
        os._exit(status)
