"""The machine that the conformance tests run on: the simulated one, or in the lab's guest its real kernel."""

from __future__ import annotations

import os
from collections.abc import AsyncIterator, Callable

import pytest
import pytest_asyncio

from tests.conformance.kernel import KernelMachine
from tests.conformance.machine import Machine
from tests.conformance.simulated import SimulatedMachine

_MACHINES: dict[str, Callable[[], Machine]] = {"simulated": SimulatedMachine, "kernel": KernelMachine}


@pytest_asyncio.fixture
async def machine() -> AsyncIterator[Machine]:
    """A machine at rest: ``IOVTOP_CONFORMANCE`` says which."""
    found = _MACHINES[os.environ.get("IOVTOP_CONFORMANCE", "simulated")]()
    yield found
    await found.close()


@pytest.fixture
def need(machine: Machine) -> Callable[[str], str]:
    """Return a part of the machine by name, or skip where this machine lacks it."""

    def get(name: str) -> str:
        part = getattr(machine, name)
        if not part:
            pytest.skip(f"this machine has no {name}")
        assert isinstance(part, str)
        return part

    return get


@pytest.fixture
def sharing(machine: Machine) -> tuple[str, str]:
    """Return two functions of one group, each bound to a host driver."""
    if not all(machine.sharing):
        pytest.skip("this machine has no two functions with host drivers in one group")
    return machine.sharing
