"""Accesses that never return: we go on, and so does whoever waits for us."""

from __future__ import annotations

import asyncio
import errno
import os
import subprocess
import sys
import time
from collections.abc import AsyncIterator
from pathlib import Path

import pytest
import pytest_asyncio

from backend.host.doors import StillWaiting
from backend.host.leftbehind import LeftBehind, LeftBehindAccess
from backend.host.linux import LinuxHost

ROOT = Path(__file__).resolve().parents[3]
SOON = 10.0
"""Seconds: what would wait does so for ever, and what does not is quick even on a busy machine."""


@pytest_asyncio.fixture
async def children() -> AsyncIterator[LeftBehind]:
    """Attendants that answer as ``answers`` says."""
    found = LeftBehind("tests.unit.host.answers")
    yield found
    found.close()


@pytest_asyncio.fixture
async def access() -> AsyncIterator[LeftBehindAccess]:
    """Guarded reads of any path."""
    found = LeftBehindAccess(lambda path: path)
    yield found
    found.close()


def ended(pid: int) -> bool:
    """Return whether a process is gone or a zombie."""
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] == "Z"
    except FileNotFoundError:
        return True


async def until_ended(pid: int) -> None:
    """Wait for a process to end."""
    async with asyncio.timeout(10):
        while not ended(pid):
            await asyncio.sleep(0.01)


async def test_reads(access: LeftBehindAccess, tmp_path: Path) -> None:
    file = tmp_path / "sriov_numvfs"
    file.write_bytes(b"0\n\xff\x00")
    assert await access.read(str(file), deadline=10) == b"0\n\xff\x00"


async def test_errors_come_through(access: LeftBehindAccess, tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError):
        await access.read(str(tmp_path / "nothing"), deadline=10)
    with pytest.raises(IsADirectoryError):
        await access.read(str(tmp_path), deadline=10)


@pytest.mark.parametrize("code", [errno.EIO, errno.ENODEV, errno.EACCES, errno.EBUSY, errno.ETIMEDOUT])
async def test_an_errno_is_that_errno(children: LeftBehind, code: int) -> None:
    """ETIMEDOUT too: a driver's own timeout is an answer, not a child that still waits."""
    with pytest.raises(OSError) as caught:  # noqa: PT011 - the errno is what matters
        await children.ask("fail", {"errno": code}, key="k", deadline=10, kill=True)
    assert (caught.value.errno, isinstance(caught.value, StillWaiting)) == (code, False)
    assert await children.ask("echo", {"a": "é\n"}, key="k", deadline=10, kill=True) == {"a": "é\n"}


async def test_an_idle_child_is_asked_again(children: LeftBehind) -> None:
    pids = {await children.ask("pid", {}, key=f"k{n}", deadline=10, kill=True) for n in range(3)}
    assert len(pids) == 1
    assert os.getpid() not in pids


async def test_a_large_answer_comes_whole(children: LeftBehind) -> None:
    assert len(await children.ask("large", {"size": 5_000_000}, key="k", deadline=20, kill=True)) == 5_000_000


async def test_a_child_that_dies_is_an_error_and_replaced(children: LeftBehind) -> None:
    with pytest.raises(OSError, match="ended in mid-answer"):
        await children.ask("die", {}, key="k", deadline=10, kill=True)
    assert await children.ask("echo", {}, key="k", deadline=10, kill=True) == {}


async def test_a_read_that_never_answers(access: LeftBehindAccess, tmp_path: Path) -> None:
    fifo = tmp_path / "fifo"
    os.mkfifo(fifo)
    began = time.monotonic()
    turns = asyncio.create_task(_turns(0.5))
    with pytest.raises(StillWaiting, match="still waiting in the kernel") as caught:
        await access.read(str(fifo), deadline=0.5)
    waiting = caught.value
    assert 0.45 <= time.monotonic() - began < SOON
    assert waiting.path == str(fifo)
    assert 0.45 <= waiting.waited < SOON
    assert waiting.pid > 0
    assert await turns > 5
    await until_ended(waiting.pid)


async def _turns(seconds: float) -> int:
    """Return how often the event loop turned in that time, a turn each 5 ms at most."""
    until = time.monotonic() + seconds
    count = 0
    while time.monotonic() < until:
        await asyncio.sleep(0.005)
        count += 1
    return count


async def test_what_still_waits_is_not_asked_again(tmp_path: Path) -> None:
    """A write is never killed: it goes on in the kernel, and a second one would only queue behind it."""
    fifo, other = tmp_path / "bus/pci/drivers_probe", tmp_path / "bus/pci/other"
    fifo.parent.mkdir(parents=True)
    os.mkfifo(fifo)
    other.write_bytes(b"fine")
    host = LinuxHost(str(tmp_path), writer="backend.host.writing")
    access, probe = host.guarded, "/sys/bus/pci/drivers_probe"
    with pytest.raises(StillWaiting) as first:
        await access.write(probe, b"8", deadline=0.2)
    began = time.monotonic()
    with pytest.raises(StillWaiting) as second:
        await access.write(probe, b"8", deadline=30)
    with pytest.raises(StillWaiting) as third:
        await access.read(probe, deadline=30)
    assert time.monotonic() - began < SOON
    assert second.value.pid == third.value.pid == first.value.pid
    assert second.value.waited >= first.value.waited
    assert [left.pid for left in access.waiting()] == [first.value.pid]
    assert await access.read("/sys/bus/pci/other", deadline=10) == b"fine"
    # It completes once somebody lets it, exactly once, and then the file may be asked for again.
    with open(fifo, "rb", buffering=0) as reader:
        assert reader.read() == b"8"
    await until_ended(first.value.pid)
    with pytest.raises(StillWaiting) as fourth:
        await access.write(probe, b"9", deadline=0.2)
    assert fourth.value.pid != first.value.pid
    with open(fifo, "rb", buffering=0) as reader:
        assert reader.read() == b"9"
    host.close()


async def test_only_so_many_are_left_behind(tmp_path: Path) -> None:
    names = [f"bus/pci/drivers/d{n}/bind" for n in range(9)]
    for name in names:
        (tmp_path / name).parent.mkdir(parents=True)
        os.mkfifo(tmp_path / name)
    host = LinuxHost(str(tmp_path), writer="backend.host.writing")
    left = await asyncio.gather(
        *(host.guarded.write(f"/sys/{name}", b"1", deadline=0.3) for name in names[:8]), return_exceptions=True
    )
    pids = {error.pid for error in left if isinstance(error, StillWaiting)}
    assert len(pids) == 8
    began = time.monotonic()
    with pytest.raises(StillWaiting):
        await host.guarded.write(f"/sys/{names[8]}", b"1", deadline=30)
    assert time.monotonic() - began < SOON
    for name in names[:8]:
        with open(tmp_path / name, "rb", buffering=0) as reader:
            reader.read()
    host.close()


async def test_closing_ends_idle_children_at_once(children: LeftBehind) -> None:
    pid = await children.ask("pid", {}, key="k", deadline=10, kill=True)
    began = time.monotonic()
    children.close()
    assert time.monotonic() - began < SOON
    await until_ended(pid)


_STREAMS = """
import asyncio, os, sys
from backend.host.doors import StillWaiting
from backend.host.linux import LinuxHost

async def main():
    host = LinuxHost(sys.argv[1], writer="backend.host.writing")
    try:
        await host.guarded.write("/sys/bus/pci/drivers_probe", b"1", deadline=0.2)
    except StillWaiting as waiting:
        print(waiting.pid, flush=True)
    host.close()

asyncio.run(main())
"""


def test_the_program_ends_at_once_and_its_child_holds_none_of_its_streams(tmp_path: Path) -> None:
    fifo = tmp_path / "bus/pci/drivers_probe"
    fifo.parent.mkdir(parents=True)
    os.mkfifo(fifo)
    began = time.monotonic()
    # communicate() returns only when nobody has the pipes open any more.
    done = subprocess.run(
        [sys.executable, "-c", _STREAMS, str(tmp_path)],
        cwd=ROOT, stdin=subprocess.PIPE, capture_output=True, text=True, timeout=20, check=False,
    )  # fmt: skip
    assert time.monotonic() - began < SOON
    assert (done.returncode, done.stderr) == (0, "")
    pid = int(done.stdout)
    assert not ended(pid), "the child should be left behind, waiting"
    try:
        targets = {os.readlink(f"/proc/{pid}/fd/{name}") for name in os.listdir(f"/proc/{pid}/fd")}
        ours = {os.readlink(f"/proc/self/fd/{stream}") for stream in (1, 2)}
        assert not targets & ours
        assert os.getsid(pid) == pid
    finally:
        with open(fifo, "rb", buffering=0) as reader:
            assert reader.read() == b"1"


async def test_guarded_access_stays_in_a_foreign_tree(tmp_path: Path) -> None:
    (tmp_path / "bus").mkdir()
    (tmp_path / "bus/a").write_bytes(b"1\n")
    host = LinuxHost(str(tmp_path))
    try:
        assert await host.guarded.read("/sys/bus/a", deadline=10) == b"1\n"
        with pytest.raises(FileNotFoundError):
            await host.guarded.read("/proc/cmdline", deadline=10)
    finally:
        host.close()
