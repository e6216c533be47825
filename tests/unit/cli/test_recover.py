"""``iovtop recover`` after operations that did not end: what is said, and what settles them."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Callable
from pathlib import Path

import pytest

from backend.agent.client import AgentOperator
from backend.agent.inprocess import in_process
from backend.cli import change
from backend.cli.exits import CommandError, Exit
from backend.cli.main import parse
from backend.model.operation import Who
from backend.model.plan import Asked, RunState
from backend.ops.journal_file import FileJournal
from backend.ops.operator import LocalOperator
from backend.simhost import open_simulated

PF = "0000:01:00.0"
VFS = f"/sys/bus/pci/devices/{PF}/sriov_numvfs"

Run = Callable[..., tuple[int, str]]
"""Runs a command on the host; returns its exit code and what it printed, errors last."""
NOTHING = "SIMULATED: scenario bare; nothing below is real\nnothing is unfinished\n"


class Crashed:
    """A simulated host on which somebody took four VFs away, to make two, and got no further."""

    def __init__(self, folder: Path) -> None:
        self.doors = open_simulated("bare")
        self.local = LocalOperator(self.doors, FileJournal(folder, self.doors.clock), Who(0, None, "root", "", "", ""))
        asyncio.run(self._crash())

    async def _crash(self) -> None:
        plan = await self.local.plan([Asked("numvfs", {"pf": PF, "count": 2})])
        async with contextlib.aclosing(self.local.run(plan.asked, plan.fingerprint)) as events:
            async for event in events:
                if event.state is RunState.STEP_DONE:
                    return

    async def write(self, path: str, value: bytes) -> None:
        await self.doors.guarded.write(path, value, deadline=60.0)

    @property
    def vfs(self) -> int:
        names = self.doors.files.list(f"/sys/bus/pci/devices/{PF}")
        return sum(name.startswith("virtfn") for name in names)


@pytest.fixture
def crashed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Crashed:
    """That host; commands find its journal."""
    found = Crashed(tmp_path)

    async def opened(*_: object, write: bool = True, **__: object) -> AgentOperator:
        return await in_process(found.local, found.doors, write=write)

    monkeypatch.setattr(change, "open_operator", opened)
    return found


@pytest.fixture
def iovtop(crashed: Crashed, capsys: pytest.CaptureFixture[str]) -> Run:
    """Return what runs a command on that host."""

    def run(*words: str) -> tuple[int, str]:
        options = parse(words)
        try:
            code = options.run(crashed.doors, options)
        except CommandError as error:
            captured = capsys.readouterr()
            return error.code, f"{captured.out}{error}"
        return code, capsys.readouterr().out

    return run


def test_it_says_how_the_host_stands_and_what_to_type(iovtop: Run) -> None:
    code, said = iovtop("recover")
    assert code == Exit.FINDING
    assert f"operation 1, open: 2 VFs on {PF} (eno1), which has 4" in said
    assert "1 of 2 steps were written down as done" in said
    assert "`iovtop recover 1 finish` does the rest; `iovtop recover 1 rollback` takes it back" in said
    code, said = iovtop("log")
    assert "not ended" in said


def test_meanwhile_its_devices_are_locked(iovtop: Run) -> None:
    code, said = iovtop("numvfs", PF, "3", "--yes")
    assert code == Exit.REFUSED
    assert "operation 1" in said
    assert "iovtop recover" in said
    code, said = iovtop("undo", "1", "--yes")
    assert (code, "has not ended" in said) == (Exit.REFUSED, True)


@pytest.mark.parametrize(("way", "vfs", "ended"), [("finish", 2, "finished by"), ("rollback", 4, "taken back by")])
def test_it_is_finished_or_taken_back(crashed: Crashed, iovtop: Run, way: str, vfs: int, ended: str) -> None:
    code, said = iovtop("recover", "1", way, "--yes")
    assert code == Exit.OK, said
    assert crashed.vfs == vfs
    assert iovtop("recover") == (Exit.OK, NOTHING)
    assert f"{ended} operation 2" in iovtop("log", "1")[1]


def test_it_asks_first(crashed: Crashed, iovtop: Run) -> None:
    code, said = iovtop("recover", "1", "finish", "--dry-run")
    assert code == Exit.OK
    assert "1 make 2 VFs" in said
    assert iovtop("recover", "1", "finish")[0] == Exit.USAGE
    assert crashed.vfs == 0


def test_what_somebody_else_finished_is_closed(crashed: Crashed, iovtop: Run) -> None:
    asyncio.run(crashed.write(VFS, b"2"))
    code, said = iovtop("recover")
    assert (code, "the host is as it was asked for" in said) == (Exit.OK, True)
    assert iovtop("recover")[1] == NOTHING


def test_what_somebody_else_took_back_is_closed(crashed: Crashed, iovtop: Run) -> None:
    asyncio.run(crashed.write(VFS, b"4"))
    code, said = iovtop("recover")
    assert code == Exit.OK
    assert "the host is as it was before, but drivers, addresses and policy" in said


def test_what_cannot_be_decided_gives_commands(crashed: Crashed, iovtop: Run) -> None:
    asyncio.run(crashed.write(f"/sys/bus/pci/devices/{PF}/remove", b"1"))
    code, said = iovtop("recover")
    assert code == Exit.FINDING
    assert "operation 1, undecided" in said
    assert f"echo 2 > {VFS}" in said
    assert iovtop("recover", "1", "finish", "--yes")[0] == Exit.NO_DEVICE
    assert iovtop("recover", "1", "close") == (Exit.OK, "operation 1 is closed; the host was left as it is\n")
    assert iovtop("recover")[1] == NOTHING
