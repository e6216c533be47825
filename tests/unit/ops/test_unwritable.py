"""A journal that cannot be written: nothing is begun, and what was begun ends with a word about it."""

from __future__ import annotations

import asyncio
import contextlib
import os
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from backend.model.operation import Standing, Unfinished, Who
from backend.model.plan import Asked, RunEvent, RunState
from backend.ops.errors import JournalUnwritable, Refused
from backend.ops.journal_file import FileJournal
from backend.ops.operator import LocalOperator
from tests.unit.ops.crashes import PF
from tests.unit.ops.journals import full_at
from tests.unit.ops.lasting import LastingHost

_FOUR = Asked("numvfs", {"pf": PF, "count": 4, "guests": True})


class Small:
    """A host at rest, and what changes it."""

    def __init__(self, folder: Path, elsewhere: Path) -> None:
        self.host = LastingHost(elsewhere / "host")
        self.journal = FileJournal(folder, self.host.clock)
        self.operator = LocalOperator(self.host, self.journal, Who(0, None, "root", "", "", ""))

    async def run(self, full_after: RunState | None = None) -> list[RunEvent]:
        """Ask for four VFs; from the first event of that state on, nothing more can be written down."""
        return await self.host.manual.run(self._run(full_after))

    async def _run(self, full_after: RunState | None) -> list[RunEvent]:
        plan = await self.operator.plan([_FOUR])
        found: list[RunEvent] = []
        with contextlib.ExitStack() as stack:
            async for event in self.operator.run(plan.asked, plan.fingerprint):
                if event.state is full_after and not any(one.state is full_after for one in found):
                    stack.enter_context(full_at(self.journal.path.stat().st_size))
                found.append(event)
        return found

    async def recover(self) -> Unfinished:
        (one,) = await self.host.manual.run(self.operator.recover())
        return one


@pytest.fixture
def disk(tmp_path: Path) -> Iterator[Path]:
    """A disk of 64 kB."""
    if os.geteuid() != 0:
        pytest.skip("mounting a small disk needs root")
    place = tmp_path / "disk"
    place.mkdir()
    done = subprocess.run(
        ["mount", "-t", "tmpfs", "-o", "size=64k", "none", str(place)], capture_output=True, text=True, check=False
    )
    if done.returncode:
        pytest.skip(f"nothing can be mounted here: {done.stderr.strip()}")
    try:
        yield place
    finally:
        subprocess.run(["umount", str(place)], check=True)


@pytest.mark.root
def test_a_full_disk_changes_nothing(disk: Path, tmp_path: Path) -> None:
    small = Small(disk, tmp_path)
    with contextlib.suppress(OSError), (disk / "filler").open("ab", buffering=0) as file:
        while True:
            file.write(b"x" * 4096)
    with pytest.raises(JournalUnwritable, match="No space left") as raised:
        asyncio.run(small.run())
    assert "room" in raised.value.remedy
    assert small.host.writes == []
    assert small.journal.entries() == []
    (disk / "filler").unlink()
    assert asyncio.run(small.run())[-1].state is RunState.DONE
    assert small.journal.damage() == ()


@pytest.mark.root
def test_a_read_only_disk_changes_nothing(disk: Path, tmp_path: Path) -> None:
    small = Small(disk, tmp_path)
    assert asyncio.run(small.run())[-1].state is RunState.DONE
    made = list(small.host.writes)
    subprocess.run(["mount", "-o", "remount,ro", str(disk)], check=True)
    with pytest.raises(JournalUnwritable, match="Read-only"):
        asyncio.run(small.run())
    assert small.host.writes == made
    assert len(FileJournal(disk, small.host.clock).entries()) == 1


def test_a_disk_that_fills_up_ends_the_operation_after_the_step(tmp_path: Path) -> None:
    small = Small(tmp_path / "state", tmp_path)
    events = asyncio.run(small.run(RunState.STARTED))
    assert [event.state for event in events if event.state is not RunState.PROGRESS] == [
        RunState.STARTED,
        RunState.STEP_DONE,
        RunState.FAILED,
    ]
    assert "cannot be written" in events[-1].text
    assert "nothing more was done" in events[-1].text
    assert len(small.host.writes) == 1
    (entry,) = small.journal.entries()
    assert entry.unfinished
    found = asyncio.run(small.recover())
    assert found.standing is Standing.OPEN
    assert found.finish is not None
    assert found.rollback is not None
    assert found.finish.ready
    assert found.rollback.ready


def test_a_disk_that_is_full_before_a_step_stops_it(tmp_path: Path) -> None:
    small = Small(tmp_path / "state", tmp_path)
    events = asyncio.run(small.run(RunState.STEP_DONE))
    assert events[-1].state is RunState.FAILED
    assert len(small.host.writes) == 1


async def _left_alone(small: Small) -> None:
    plan = await small.operator.plan([_FOUR])
    events = small.operator.run(plan.asked, plan.fingerprint)
    async for event in events:
        if event.state is RunState.STEP_DONE:
            break
    await events.aclose()


def test_what_neither_way_can_settle_says_what_to_type(tmp_path: Path) -> None:
    small = Small(tmp_path / "state", tmp_path)
    asyncio.run(small.host.manual.run(_left_alone(small)))
    asyncio.run(small.host.manual.run(small.host.write(f"/sys/bus/pci/devices/{PF}/remove", b"1", deadline=9.0)))
    found = asyncio.run(small.recover())
    assert found.standing is Standing.UNDECIDED
    assert "this host has no device" in found.text
    assert "recover 1 close" in found.remedy
    assert found.by_hand[0].startswith("echo 4 > ")
    asyncio.run(small.operator.forget(1))
    assert not any(entry.unfinished for entry in small.journal.entries())
    with pytest.raises(Refused, match="no operation 1 that has not ended"):
        asyncio.run(small.operator.forget(1))
