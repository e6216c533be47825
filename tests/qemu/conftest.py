"""A VM and its waiting destination, simulated and real."""

from __future__ import annotations

from collections.abc import AsyncIterator

import pytest
import pytest_asyncio

from tests.qemu.machines import KINDS, Pair
from tests.qemu.real import find_qemu


@pytest_asyncio.fixture(params=list(KINDS))
async def pair(request: pytest.FixtureRequest) -> AsyncIterator[Pair]:
    """Return a running VM, and one that waits for it."""
    if request.param == "real" and not find_qemu():
        pytest.skip("no qemu-system-x86_64 here: install it, or run `make lab` once, or name one in IOVTOP_QEMU")
    async with KINDS[request.param]() as found:
        yield found
