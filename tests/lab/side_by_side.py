"""Calls that run side by side, each in a process of its own, with what they print kept together."""

from __future__ import annotations

import multiprocessing
import os
import signal
import sys
import tempfile
from collections.abc import Callable, Iterator, Mapping
from multiprocessing.connection import Connection, wait
from multiprocessing.context import ForkProcess
from pathlib import Path
from typing import Any, TypeVar

from tests.lab.boot import die_with_parent
from tests.lab.errors import LabError

T = TypeVar("T")

_FORK = multiprocessing.get_context("fork")


def side_by_side(calls: Mapping[str, Callable[[], T]], at_once: int) -> Iterator[tuple[str, T, bytes]]:
    """Yield the name, the result and the output of each call as it ends.

    Calls that still run when this ends are asked to end too. Raises ``LabError`` where a call does, or ends without
    a result.
    """
    sys.stdout.flush()
    waiting = list(calls.items())
    running: dict[Connection, tuple[str, ForkProcess]] = {}
    with tempfile.TemporaryDirectory(prefix="iovtop-lab-") as folder:
        try:
            while waiting or running:
                while waiting and len(running) < at_once:
                    name, call = waiting.pop(0)
                    ours, theirs = _FORK.Pipe(duplex=False)
                    process = _FORK.Process(target=_answer, args=(call, theirs, Path(folder) / name))
                    process.start()
                    theirs.close()
                    running[ours] = name, process
                for ready in wait(list(running)):
                    assert isinstance(ready, Connection)
                    name, process = running.pop(ready)
                    answer: T = _answer_of(name, ready)
                    process.join()
                    yield name, answer, (Path(folder) / name).read_bytes()
        finally:
            for _, process in running.values():
                process.terminate()
            for _, process in running.values():
                process.join()


def _answer(call: Callable[[], object], answers: Connection, output: Path) -> None:
    signal.signal(signal.SIGTERM, signal.default_int_handler)
    die_with_parent(signal.SIGTERM)
    written = os.open(output, os.O_WRONLY | os.O_CREAT | os.O_APPEND)
    os.dup2(written, 1)
    os.dup2(written, 2)
    try:
        answers.send(call())
    except LabError as error:
        answers.send(error)
    except KeyboardInterrupt:
        os._exit(130)


def _answer_of(name: str, answers: Connection) -> Any:
    try:
        answer = answers.recv()
    except EOFError:
        raise LabError(f"{name} ended without a result") from None
    finally:
        answers.close()
    if isinstance(answer, LabError):
        raise answer
    return answer
