"""The machines that the conformance tests run on. A real kernel is one more adapter in this list."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable

import pytest
import pytest_asyncio

from tests.conformance.machine import Machine
from tests.conformance.simulated import SimulatedMachine

ADAPTERS: dict[str, Callable[[], Machine]] = {"simulated": SimulatedMachine}


@pytest_asyncio.fixture(params=sorted(ADAPTERS))
async def machine(request: pytest.FixtureRequest) -> AsyncIterator[Machine]:
    """A machine at rest."""
    found = ADAPTERS[request.param]()
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
