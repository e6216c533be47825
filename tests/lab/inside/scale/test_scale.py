"""A host with 268 VFs."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

from tests.conformance.kernel import KernelMachine
from tests.conformance.machine import PCI, plain, set_vfs
from tests.differential.peers import COMMANDS, Outputs, check_driverctl, check_lspci
from tests.lab.boot import REPOSITORY
from tests.lab.inside.conftest import SOON
from tests.tui.pseudo_terminal import PseudoTerminal


def physical_functions(machine: KernelMachine) -> list[str]:
    return [name for name in sorted(os.listdir(PCI)) if "sriov_totalvfs" in machine.doors.files.list(f"{PCI}/{name}")]


async def test_all_vfs_at_once(machine: KernelMachine, tmp_path: Path) -> None:
    enabled = []
    for pf in physical_functions(machine):
        enabled += await set_vfs(machine, pf, int(plain(machine, f"{PCI}/{pf}/sriov_totalvfs")))
    assert len(enabled) == 268
    environment = {**os.environ, "PYTHON": sys.executable, "PYTHONPATH": str(REPOSITORY), "LC_ALL": "C"}
    subprocess.run(["sh", "-ec", COMMANDS], cwd=tmp_path, env=environment, check=True, timeout=600)
    outputs = Outputs(tmp_path)
    check_lspci(outputs)
    check_driverctl(outputs)
    shown = [address for address, device in outputs.functions.items() if device["kind"] == "vf"]
    assert sorted(shown) == sorted(enabled)
    assert len({outputs.functions[vf]["group"] for vf in enabled}) == 268
    terminal = PseudoTerminal(["-m", "tui"], {"TERM": "xterm-256color", "LC_ALL": "C.UTF-8", "HOME": str(tmp_path)})
    try:
        terminal.until(b"268", SOON)
        terminal.type(b"q")
        terminal.ended_within(SOON)
        assert terminal.code == 0
    finally:
        terminal.close()
