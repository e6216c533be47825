"""The state of an mdev, from the kernel's own sample driver into a file and into another mdev: a register tells."""

from __future__ import annotations

import json
import os
from contextlib import ExitStack

from tests.conformance.holder import by_group
from tests.conformance.kernel import KernelMachine
from tests.conformance.machine import MDEV, write
from tests.lab.inside.conftest import iovtop

ONE, TWO = (f"11111111-2222-4333-8444-00000000003{number}" for number in (1, 2))
_SCRATCH = 7
"""Offset of a 16550's scratch register in mtty's first region."""


def scratch(uuid: str, value: int | None = None) -> int:
    """Write the scratch register of an mdev's first port if told to; return what it reads."""
    with ExitStack() as kept:
        descriptors = by_group(uuid, f"{MDEV}/{uuid}", "")
        for descriptor in descriptors:
            kept.callback(os.close, descriptor)
        if value is not None:
            os.pwrite(descriptors[-1], bytes([value]), _SCRATCH)
        return os.pread(descriptors[-1], 1, _SCRATCH)[0]


async def test_a_register_goes_along_with_the_state(machine: KernelMachine) -> None:
    for uuid in (ONE, TWO):
        assert await write(machine, f"{machine.mtty}/mdev_supported_types/mtty-2/create", uuid) == "OK"
    assert scratch(ONE, 0x5A) == 0x5A
    assert scratch(TWO, 0x11) == 0x11
    saved = iovtop("state", "save", ONE, "--name", "scratch", "--yes")
    assert saved.returncode == 0, saved.stderr
    (kept,) = [json.loads(line) for line in iovtop("states", "--json").stdout.splitlines()]
    assert (kept["name"], kept["kind"], kept["size"]) == ("scratch", "mtty-2", 96)
    restored = iovtop("state", "restore", TWO, "--name", "scratch", "--yes")
    assert restored.returncode == 0, restored.stderr
    assert (scratch(ONE), scratch(TWO)) == (0x5A, 0x5A)
    assert iovtop("state", "remove", "scratch", "--yes").returncode == 0
    assert iovtop("states").stdout == "no state is kept\n"
