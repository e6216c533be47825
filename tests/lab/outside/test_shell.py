"""``make lab-shell`` in a real terminal, with the dashboard inside."""

from __future__ import annotations

import subprocess
import time
import uuid
from collections.abc import Callable, Iterator

import pytest

from tests.lab.boot import REPOSITORY

BOOT_SECONDS = 180.0


class Tmux:
    """A terminal of 120 × 36 with a shell in it."""

    def __init__(self) -> None:
        self._name = f"lab-{uuid.uuid4().hex[:8]}"
        self._run("-f", "/dev/null", "new-session", "-d", "-x", "120", "-y", "36", "-c", str(REPOSITORY), "sh")

    def _run(self, *words: str) -> str:
        ended = subprocess.run(["tmux", "-L", self._name, *words], capture_output=True, text=True, check=False)
        return ended.stdout

    def type(self, *keys: str) -> None:
        """Press keys, by tmux's names."""
        self._run("send-keys", *keys)

    def screen(self) -> str:
        """Return what is to be seen."""
        return self._run("capture-pane", "-p")

    def until(self, words: str, seconds: float) -> str:
        """Wait for words on the screen; return the screen."""
        deadline = time.monotonic() + seconds
        while words not in (screen := self.screen()):
            assert time.monotonic() < deadline, f"no {words!r} in:\n{screen}"
            time.sleep(0.3)
        return screen

    def close(self) -> None:
        """End it."""
        self._run("kill-server")


@pytest.fixture
def terminal() -> Iterator[Tmux]:
    found = Tmux()
    yield found
    found.close()


def test_the_dashboard_in_the_labs_shell(terminal: Tmux, boot: Callable[[], object]) -> None:
    terminal.type("make -s lab-shell; echo ended with $?", "Enter")
    terminal.until("root@lab", BOOT_SECONDS)
    terminal.type("echo 0 > /sys/bus/pci/devices/0000:01:00.0/sriov_drivers_autoprobe", "Enter")
    terminal.type("echo 3 > /sys/bus/pci/devices/0000:01:00.0/sriov_numvfs; clear; iovtop", "Enter")
    screen = terminal.until("01:10.4", 120)
    assert "Intel VT-d" in screen
    terminal.type("q")
    terminal.until("root@lab", 30)
    terminal.type("exit 3", "Enter")
    assert "ended with 3" in terminal.until("ended with", 30)
