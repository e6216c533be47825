"""Machines for the tests that boot for themselves."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator

import pytest

from tests.lab.accel import choose
from tests.lab.boot import Guest
from tests.lab.boot import boot as start
from tests.lab.machine import PROFILES
from tests.lab.parts import prepare_kernel, prepare_qemu
from tests.lab.settings import Settings

SOON = 240.0
"""Seconds: what hangs does so for ever; emulated, on a busy machine, what does not takes many times its time."""


@pytest.fixture(scope="session")
def boot() -> Callable[[], Guest]:
    """Return the function that boots the stock kernel."""
    settings = Settings.from_environment(os.environ)
    qemu, kernel = prepare_qemu(settings), prepare_kernel(settings, "stock")
    accel = choose(settings, qemu, kernel)
    return lambda: start(qemu, kernel, PROFILES["full"], accel=accel)


@pytest.fixture(scope="module")
def guest(boot: Callable[[], Guest]) -> Iterator[Guest]:
    """A booted machine."""
    with boot() as found:
        yield found
