"""What a planner must know and cannot read: the reason is the one there is."""

from __future__ import annotations

import errno

import pytest

from backend.ops.errors import Refused
from tests.unit.ops.simulation import Simulation

PF = "0000:01:00.0"
PATH = f"/sys/bus/pci/devices/{PF}/driver_override"


async def test_an_error_is_not_called_a_lock() -> None:
    simulation = Simulation("bare")
    simulation.host.faults.fail_path(PATH, errno.EIO)
    with pytest.raises(Refused, match=r"driver_override of .* cannot be read: Input/output error"):
        await simulation.plan("bind", device=PF, vfio=True)


async def test_a_lock_is_called_one() -> None:
    simulation = Simulation("bare")
    simulation.host.faults.hang_reads(PATH)
    with pytest.raises(Refused, match="somebody holds the lock"):
        await simulation.plan("bind", device=PF, vfio=True)
