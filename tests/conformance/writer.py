"""The child that writes for the conformance tests: as iovtop's own does where that would, and anywhere else."""

from __future__ import annotations

import os
from typing import Any

from backend.host import writing


def write(arguments: dict[str, Any]) -> None:
    """Write. What iovtop never writes is written all the same: the tests ask what the kernel answers."""
    if writing.may_be_written(arguments["path"]):
        writing.write(arguments)
        return
    descriptor = os.open(arguments["path"], os.O_WRONLY)
    try:
        os.write(descriptor, arguments["data"].encode("latin-1"))
    finally:
        os.close(descriptor)


OPERATIONS = {**writing.OPERATIONS, "write": write}
