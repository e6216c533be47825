"""Migrations between two real libvirts: of domains with KVM where there is one, else emulated."""

from __future__ import annotations

import asyncio
import contextlib
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from backend.host.linux import LinuxHost
from backend.migration.engine import Controls, Options
from backend.migration.libvirt_engine import DomainParty, LibvirtMigration
from backend.model.migration import Convergence, Progress, Verdict, Where
from backend.vmm.errors import CommandRefused, MonitorAbsent
from tests.qemu.libvirts import NAME, UUID, LibvirtHost, LibvirtPair, libvirt_pair, why_not

pytestmark = [pytest.mark.skipif(bool(why_not()), reason=why_not()), pytest.mark.timeout(180)]

SLOW = 6 << 20
"""Bytes a second: less than the guest changes."""
RUNNING = 1


@pytest.fixture(scope="module")
def cache(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("libvirt-cache")


@pytest.fixture
def libvirts(cache: Path) -> Iterator[LibvirtPair]:
    with libvirt_pair(cache) as found:
        yield found


class Run:
    """A migration of the one domain, and what a test does to it."""

    def __init__(self, pair: LibvirtPair, **options: object) -> None:
        self.controls = Controls()
        self._doors = LinuxHost()
        self.source = DomainParty(self._doors, NAME, UUID, pair.source.uri)
        self.destination = DomainParty(self._doors, NAME, UUID, pair.destination.uri, waits=True)
        wanted = {"uri": f"tcp://{pair.destination.address}", **options}
        self.migration = LibvirtMigration(self.source, self.destination, Options(**wanted), self.controls)  # type: ignore[arg-type]
        self.seen: list[Progress] = []
        self.active = asyncio.Event()

    async def run(self, *, begun: bool = False) -> Verdict:
        try:
            async for progress in self.migration.run(begun=begun):
                self.seen.append(progress)
                if progress.phase == "active" and progress.passes > 1:
                    self.active.set()
        finally:
            await self.source.close()
            await self.destination.close()
            self._doors.close()
        assert self.migration.verdict is not None
        return self.migration.verdict

    async def going(self) -> asyncio.Task[Verdict]:
        """Start it; return when the guest's memory is sent a second time."""
        task = asyncio.create_task(self.run())
        waiting = asyncio.create_task(self.active.wait())
        await asyncio.wait([task, waiting], return_when=asyncio.FIRST_COMPLETED)
        waiting.cancel()
        assert not task.done(), task.result()
        return task


async def test_it_moves_and_both_sides_say_so(libvirts: LibvirtPair) -> None:
    libvirts.start(pages_per_second=500)
    run = Run(libvirts, bandwidth=40 << 20, downtime=1.0)
    verdict = await run.run()
    assert (verdict.where, verdict.moved) == (Where.DESTINATION, True)
    assert libvirts.source.state() is None
    assert libvirts.destination.state() == RUNNING
    last = run.seen[-1]
    assert (last.phase, last.overall) == ("completed", 1.0)
    assert last.ram_total > 60 << 20
    assert verdict.downtime is not None
    assert last.downtime == verdict.downtime
    assert {"setup", "active"} <= {progress.phase for progress in run.seen}
    overall = [progress.overall for progress in run.seen]
    assert overall == sorted(overall)


async def test_it_is_told_that_it_will_not_converge_and_new_limits_let_it(libvirts: LibvirtPair) -> None:
    libvirts.start()
    run = Run(libvirts, bandwidth=SLOW, downtime=0.05)
    task = await run.going()
    while not any(progress.convergence is Convergence.NEVER for progress in run.seen):
        assert not task.done()
        await asyncio.sleep(0.05)
    run.controls.adjust(bandwidth=0, downtime=2.0)
    verdict = await task
    assert verdict.moved
    assert run.seen[-1].downtime_limit == 2.0
    assert max(progress.bandwidth or 0 for progress in run.seen) > SLOW / 2
    assert any(progress.dirty_rate for progress in run.seen)
    assert any(progress.downtime_expected for progress in run.seen)


async def test_a_cancel_leaves_it_where_it_is_with_the_limit_that_it_had(libvirts: LibvirtPair) -> None:
    libvirts.start()
    run = Run(libvirts, bandwidth=SLOW, downtime=0.01)
    task = await run.going()
    run.controls.cancel.set()
    verdict = await task
    assert (verdict.where, verdict.moved) == (Where.SOURCE, False)
    assert "it was cancelled" in verdict.text
    assert run.seen[-1].phase == "cancelled"
    assert libvirts.destination.state() is None
    connection = libvirts.source.connect()
    domain = connection.lookupByUUIDString(UUID)
    assert (domain.state()[0], domain.migrateGetMaxDowntime()) == (RUNNING, 300)
    connection.close()


async def test_a_busy_guest_is_held_until_the_operator_says_so(libvirts: LibvirtPair) -> None:
    libvirts.start()
    run = Run(libvirts, bandwidth=SLOW, downtime=30.0, hold=True)
    task = await run.going()
    passes = run.seen[-1].passes
    while run.seen[-1].passes < passes + 2:  # 30 s of downtime would let it go at once
        assert not task.done()
        await asyncio.sleep(0.05)
    run.controls.go.set()
    assert (await task).moved


async def test_a_definition_moves_with_its_domain(libvirts: LibvirtPair) -> None:
    libvirts.start(pages_per_second=500, persistent=True)
    assert (await Run(libvirts).run()).moved
    source, destination = libvirts.source.connect(), libvirts.destination.connect()
    assert source.listAllDomains() == []
    assert destination.lookupByUUIDString(UUID).isPersistent()
    source.close()
    destination.close()


async def test_it_goes_on_when_nobody_follows_and_is_followed_again(libvirts: LibvirtPair) -> None:
    libvirts.start()
    first = Run(libvirts, bandwidth=SLOW, downtime=0.01)
    task = await first.going()
    task.cancel()
    with contextlib.suppress(asyncio.CancelledError):
        await task
    again = Run(libvirts)
    assert await again.source.moving()
    again.controls.adjust(bandwidth=0, downtime=5.0)
    assert (await again.run(begun=True)).moved


@pytest.mark.parametrize("how", ["killed", "frozen"])
async def test_a_destination_whose_daemon_is_lost_leaves_it_on_the_source(libvirts: LibvirtPair, how: str) -> None:
    libvirts.start()
    run = Run(libvirts, bandwidth=SLOW, downtime=0.01)
    task = await run.going()
    _hurt(libvirts.destination, how)
    verdict = await task
    assert (verdict.where, verdict.moved) == (Where.SOURCE, False)
    assert "the destination does not answer" in verdict.text
    assert libvirts.source.state() == RUNNING


@pytest.mark.parametrize("how", ["killed", "frozen"])
async def test_a_source_whose_daemon_is_lost_is_not_called_gone(
    libvirts: LibvirtPair, how: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("backend.migration.libvirt_engine.LOST_AFTER", 3.0)
    monkeypatch.setattr("backend.migration.sides._SETTLE", 3.0)
    libvirts.start()
    run = Run(libvirts, bandwidth=SLOW, downtime=0.01)
    task = await run.going()
    _hurt(libvirts.source, how)
    verdict = await task
    assert (verdict.where, verdict.moved) == (Where.UNKNOWN, False)
    assert "does not answer" in verdict.text


def _hurt(host: LibvirtHost, how: str) -> None:
    if how == "killed":
        host.kill()
    else:
        host.freeze()


async def test_nothing_is_started_where_a_side_is_missing(libvirts: LibvirtPair) -> None:
    with pytest.raises(MonitorAbsent, match="has no domain moving"):
        await Run(libvirts).run()
    libvirts.start()
    libvirts.destination.kill()
    with pytest.raises(MonitorAbsent, match="cannot be reached"):
        await Run(libvirts).run()


async def test_what_libvirt_refuses_is_said_in_its_words(libvirts: LibvirtPair) -> None:
    libvirts.start(extra="<shmem name='mine' role='peer'><model type='ivshmem-plain'/><size unit='M'>1</size></shmem>")
    verdict = await Run(libvirts).run()
    assert (verdict.where, verdict.moved) == (Where.SOURCE, False)
    assert "'peer mode' in device 'ivshmem'" in verdict.text


async def test_one_that_runs_there_already_is_refused(libvirts: LibvirtPair) -> None:
    libvirts.start()
    there = LibvirtPair(libvirts.folder, libvirts.destination, libvirts.source)
    there.start()
    with pytest.raises(CommandRefused, match="running there already"):
        await Run(libvirts).run()


def test_a_program_that_asked_a_frozen_daemon_ends_at_once(libvirts: LibvirtPair) -> None:
    libvirts.start()
    libvirts.source.freeze()
    program = (
        "import asyncio, sys, time\n"
        "from backend.vmm.libvirtd import Libvirtd\n"
        "from backend.vmm.errors import MonitorTimeout\n"
        "async def main():\n"
        "    try:\n"
        "        await Libvirtd(sys.argv[1]).ask(lambda library, connection: connection.getHostname(), deadline=1.0)\n"
        "    except MonitorTimeout as error:\n"
        "        print(error)\n"
        "asyncio.run(main())\n"
        "print(time.time())\n"
    )
    root = Path(__file__).resolve().parents[2]
    done = subprocess.run(
        [sys.executable, "-c", program, libvirts.source.uri], cwd=root, capture_output=True, text=True, timeout=60,
        check=True,
    )  # fmt: skip
    said, asked = done.stdout.splitlines()
    assert "did not answer in 1 s" in said
    assert time.time() - float(asked) < 20  # it would wait for ever
