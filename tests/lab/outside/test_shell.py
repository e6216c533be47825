"""The lab's shell in a real terminal, and the dashboard inside while VFs come and go."""

from __future__ import annotations

from collections.abc import Callable, Iterator

import pytest

from tests.lab.boot import BOOT_SECONDS
from tests.lab.outside.conftest import SOON
from tests.lab.outside.terminal import Tmux


@pytest.fixture
def terminal() -> Iterator[Tmux]:
    found = Tmux()
    yield found
    found.close()


def test_the_dashboard_in_the_labs_shell(terminal: Tmux, boot: Callable[[], object]) -> None:
    terminal.type(".venv/bin/python -m tests.lab shell; echo ended with $?", "Enter")
    terminal.until("root@lab", 2 * BOOT_SECONDS)
    terminal.type("echo 0 > /sys/bus/pci/devices/0000:01:00.0/sriov_drivers_autoprobe", "Enter")
    terminal.type("cd /sys/bus/pci/devices/0000:01:00.0", "Enter")
    terminal.type("while :; do for n in 3 0 5 0; do echo $n > sriov_numvfs; sleep 15; done; done &", "Enter")
    terminal.type("clear; iovtop", "Enter")
    screen = terminal.until("01:10.4", SOON)
    assert "Intel VT-d" in screen
    terminal.type(":")
    terminal.type("0000:02:00.0", "Enter")
    for vfs in ("0/7", "5/7", "3/7", "0/7"):
        screen = terminal.until(f"enp1s0 {vfs}", SOON)
        assert next(line for line in screen.splitlines() if line.startswith("▌")).split()[1] == "0000:02:00.0"
    terminal.type("q")
    terminal.until("root@lab", SOON)
    terminal.type("kill %1; exit 3", "Enter")
    assert "ended with 3" in terminal.until("ended with", SOON)
