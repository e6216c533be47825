"""The screen while a change it was asked for waits in a real kernel: alive, and it says who must let go."""

from __future__ import annotations

import shlex
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from backend.agent.open_operator import INSTALLED
from backend.ops.journal_file import FOLDER
from tests.conformance.kernel import KernelMachine
from tests.conformance.machine import PCI, set_vfs, to_vfio, virtual_functions
from tests.lab.boot import REPOSITORY
from tests.lab.inside.conftest import SOON
from tests.tui.pseudo_terminal import PseudoTerminal


@pytest.fixture
def unguarded() -> Iterator[None]:
    """Let iovtop be installed with an agent that takes VFs away over their holders' heads."""
    agent = Path(INSTALLED, "agent-write")
    assert not agent.exists()
    agent.parent.mkdir(parents=True, exist_ok=True)
    command = [sys.executable, "-I", str(REPOSITORY / "tests/lab/inside/unguarded_agent.py"), str(FOLDER)]
    agent.write_text(f"#!/bin/sh\nexec {shlex.join(command)}\n")
    agent.chmod(0o755)
    yield
    agent.unlink()


@pytest.fixture
def terminal(tmp_path: Path, unguarded: None) -> Iterator[PseudoTerminal]:
    """The screen in write mode."""
    environ = {"TERM": "xterm-256color", "LC_ALL": "C.UTF-8", "HOME": str(tmp_path)}
    found = PseudoTerminal(["-m", "tui", "--write"], environ, (120, 40))
    yield found
    found.close()


async def test_a_stuck_change_is_seen_and_ends_when_its_holder_lets_go(
    machine: KernelMachine, terminal: PseudoTerminal
) -> None:
    vf, _ = await set_vfs(machine, machine.pf, 2)
    await to_vfio(machine, vf)
    holder = await machine.hold(vf)
    terminal.until_shown("WRITE", SOON)
    terminal.until_shown(vf.removeprefix("0000:"), SOON)
    for keys, shown in (
        (":", "jump :"),
        (machine.pf, "enter goes"),
        ("\r", "2/7 VFs"),
        ("x", "number of VFs"),
        ("v", "show the plan"),
        ("0\r", "remove the 2 VFs"),
    ):
        terminal.type(keys.encode())
        terminal.until_shown(shown, SOON)
        while keys == "\r" and "jump :" in terminal.screen():  # until then keys are typed into it
            terminal.read(0.5)
    while "Do it …" in terminal.screen():
        terminal.read(0.5)
    terminal.type(b"\t\r")
    first = terminal.until_shown("stuck in the kernel for", SOON)
    # It is alive: it counts.
    counted = first
    while seconds(counted) == seconds(first):
        counted = terminal.until_shown("stuck in the kernel for", SOON)
    said = " ".join(line.strip(" │┃") for line in counted.splitlines())
    assert f"{vf} is held by" in said, counted
    assert f"pid {machine.pid_of(holder)}" in said, counted
    assert "it cannot be cancelled now" in said
    assert vf in machine.doors.files.list(PCI)  # its link from the PF goes first
    print(counted)
    await machine.release(holder)
    print(terminal.until_shown("done: ", SOON))
    assert virtual_functions(machine, machine.pf) == []
    terminal.type(b"\r")
    terminal.until_shown("has 0 VFs", SOON)
    terminal.type(b"q")
    terminal.ended_within(SOON)
    assert terminal.code == 0


def seconds(screen: str) -> str:
    """Return how long the screen says that something has been stuck."""
    return screen.partition("stuck in the kernel for ")[2].split()[0]
