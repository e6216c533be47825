"""``make lab-shell`` in a real terminal, with the dashboard inside."""

from __future__ import annotations

from collections.abc import Callable, Iterator

import pytest

from tests.lab.outside.terminal import Tmux

BOOT_SECONDS = 180.0


@pytest.fixture
def terminal() -> Iterator[Tmux]:
    found = Tmux()
    yield found
    found.close()


def test_the_dashboard_in_the_labs_shell(terminal: Tmux, boot: Callable[[], object]) -> None:
    terminal.type(".venv/bin/python -m tests.lab shell; echo ended with $?", "Enter")
    terminal.until("root@lab", BOOT_SECONDS)
    terminal.type("echo 0 > /sys/bus/pci/devices/0000:01:00.0/sriov_drivers_autoprobe", "Enter")
    terminal.type("echo 3 > /sys/bus/pci/devices/0000:01:00.0/sriov_numvfs; clear; iovtop", "Enter")
    screen = terminal.until("01:10.4", 120)
    assert "Intel VT-d" in screen
    terminal.type("q")
    terminal.until("root@lab", 30)
    terminal.type("exit 3", "Enter")
    assert "ended with 3" in terminal.until("ended with", 30)
