"""Operations for attendants under test: what a driver may do to a reader."""

from __future__ import annotations

import errno
import os
import time
from typing import Any


def _echo(arguments: dict[str, Any]) -> Any:
    return arguments


def _fail(arguments: dict[str, Any]) -> None:
    raise OSError(arguments["errno"], os.strerror(arguments["errno"]))


def _sleep(arguments: dict[str, Any]) -> int:
    time.sleep(arguments["seconds"])
    return os.getpid()


def _die(arguments: dict[str, Any]) -> None:
    os._exit(errno.EPERM)


def _large(arguments: dict[str, Any]) -> str:
    return "x" * int(arguments["size"])


def _pid(arguments: dict[str, Any]) -> int:
    return os.getpid()


OPERATIONS = {"echo": _echo, "fail": _fail, "sleep": _sleep, "die": _die, "large": _large, "pid": _pid}
