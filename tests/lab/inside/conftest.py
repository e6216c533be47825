"""What the tests inside the guest share. They change the machine they run on: it is thrown away afterwards."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import AsyncIterator, Callable, Sequence
from typing import Any

import psutil
import pytest
import pytest_asyncio

from backend.agent.client import AgentOperator
from backend.agent.transports import spawn
from tests.conformance.kernel import KernelMachine
from tests.lab.boot import REPOSITORY

SOON = 240.0
"""Seconds: what hangs does so for ever; emulated, on a busy machine, what does not takes many times its time."""


@pytest_asyncio.fixture
async def machine() -> AsyncIterator[KernelMachine]:
    """The guest at rest. Refuses to exist anywhere else."""
    found = KernelMachine()
    yield found
    await found.close()


def iovtop(*arguments: str, seconds: float = SOON) -> subprocess.CompletedProcess[str]:
    """Run the program as a user does."""
    return subprocess.run(
        [sys.executable, "-m", "tui", *arguments],
        cwd=REPOSITORY, stdin=subprocess.DEVNULL, capture_output=True, text=True, timeout=seconds, check=False,
    )  # fmt: skip


async def started(command: Sequence[str]) -> AgentOperator:
    """Start an agent and wait for it as long as it takes here."""
    return await AgentOperator.on(await spawn(command, session=True), SOON)


def child(command: Sequence[str]) -> psutil.Process:
    """Return the child of ours that runs a command. Those that have ended may not have been collected yet."""
    running = (one for one in psutil.Process().children() if one.status() != psutil.STATUS_ZOMBIE)
    (found,) = (one for one in running if one.cmdline() == [*command])
    return found


class Snapshot:
    """What ``iovtop snapshot --format json`` says."""

    def __init__(self, *options: str) -> None:
        ended = iovtop("snapshot", "--format", "json", *options)
        assert ended.returncode in (0, 1), ended.stderr
        self.document: dict[str, Any] = json.loads(ended.stdout)
        self.devices: dict[str, dict[str, Any]] = {device["id"]: device for device in self.document["devices"]}

    def group(self, device: str) -> dict[str, Any]:
        """Return the group of a device."""
        number = self.devices[device]["group"]
        return next(group for group in self.document["groups"] if group["id"] == number)

    def holders(self, device: str) -> list[dict[str, Any]]:
        """Return the holders of a device."""
        found: list[dict[str, Any]] = self.devices[device]["holders"]
        return found


@pytest.fixture
def nested_qemu() -> Callable[..., list[str]]:
    """Return the function from QEMU's options to the command of a VM inside the guest."""

    def command(*options: str) -> list[str]:
        base = ["-M", "q35", "-accel", "tcg", "-m", "64M", "-nodefaults", "-display", "none"]
        return [os.environ["LAB_QEMU"], *base, *options]

    return command
