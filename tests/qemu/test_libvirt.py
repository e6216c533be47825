"""Migrations between two real libvirts: of domains with KVM where there is one, else emulated."""

from __future__ import annotations

import asyncio
import contextlib
import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from backend.host.caller import caller
from backend.host.linux import LinuxHost
from backend.migration.engine import Controls, Options
from backend.migration.jobs.folder import JobFolder
from backend.migration.jobs.orders import Adjust, Cancel, Continue
from backend.migration.jobs.starting import ProcessJobs
from backend.migration.libvirt_engine import DomainParty, LibvirtMigration
from backend.model.job import Job, JobState, Move, Wire
from backend.model.migration import Convergence, Progress, Verdict, Where
from backend.ops.journal_file import FileJournal
from backend.vmm.errors import CommandRefused, MonitorAbsent
from tests.qemu.libvirts import NAME, UUID, LibvirtHost, LibvirtPair, libvirt_pair, why_not
from tests.tui.pseudo_terminal import PseudoTerminal

pytestmark = [pytest.mark.skipif(bool(why_not()), reason=why_not()), pytest.mark.timeout(180)]

SLOW = 3 << 20
"""Bytes a second: less than the guest changes."""
RUNNING = 1
ROOT = Path(__file__).resolve().parents[2]


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


async def test_it_goes_over_several_connections_encrypted(libvirts: LibvirtPair) -> None:
    libvirts.start()
    run = Run(libvirts, bandwidth=SLOW, downtime=0.05, wire=Wire(connections=3, encrypted=True))
    task = await run.going()
    import libvirt_qemu

    connection = libvirts.source.connect()
    domain = connection.lookupByUUIDString(UUID)
    told = json.loads(libvirt_qemu.qemuMonitorCommand(domain, '{"execute": "query-migrate-parameters"}', 0))["return"]
    connection.close()
    assert (told["multifd-channels"], told["tls-creds"]) == (3, "objlibvirt_migrate_tls0")
    run.controls.adjust(bandwidth=0, downtime=2.0)
    assert (await task).moved


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
    source, destination = libvirts.source.connect(), libvirts.destination.connect()
    source.lookupByUUIDString(UUID).setAutostart(1)
    assert (await Run(libvirts).run()).moved
    assert source.listAllDomains() == []
    arrived = destination.lookupByUUIDString(UUID)
    assert (arrived.isPersistent(), arrived.autostart()) == (1, 1)
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


@pytest.mark.slow
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


@pytest.mark.slow
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
    with pytest.raises(MonitorAbsent, match=f"has no domain {NAME}"):
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
    done = subprocess.run(
        [sys.executable, "-c", program, libvirts.source.uri], cwd=ROOT, capture_output=True, text=True, timeout=60,
        check=True,
    )  # fmt: skip
    said, asked = done.stdout.splitlines()
    assert "did not answer in 1 s" in said
    assert time.time() - float(asked) < 20  # it would wait for ever


@pytest.fixture
def desk(libvirts: LibvirtPair, tmp_path: Path) -> Iterator[Desk]:
    with contextlib.closing(LinuxHost()) as doors:
        yield Desk(libvirts, ProcessJobs(JobFolder(tmp_path), FileJournal(tmp_path, doors.clock), doors))


class Desk:
    """Jobs of the one domain, each a process of its own."""

    def __init__(self, pair: LibvirtPair, jobs: ProcessJobs) -> None:
        self._pair = pair
        self.jobs = jobs

    async def going(self) -> Job:
        """Start one that cannot end by itself; return it when the guest's memory is sent a second time."""
        move = Move(
            NAME, "", self._pair.destination.uri, bandwidth=SLOW, downtime=5.0, hold=True, uuid=UUID,
            libvirt=self._pair.source.uri, uri=f"tcp://{self._pair.destination.address}",
        )  # fmt: skip
        job = await self.jobs.start(move, caller())
        return await self.until(job.number, lambda j: j.progress is not None and j.progress.passes > 1)

    async def until(self, number: int, condition: Callable[[Job], object]) -> Job:
        while True:
            job, _ = self.jobs.get(number)
            if condition(job):
                return job
            assert not job.over, job
            await asyncio.sleep(0.05)


async def test_a_job_takes_orders(libvirts: LibvirtPair, desk: Desk) -> None:
    libvirts.start()
    job = await desk.going()
    await desk.jobs.tell(job.number, Adjust(bandwidth=2 * SLOW))
    await desk.jobs.tell(job.number, Cancel())
    job = await desk.until(job.number, lambda j: j.over)
    assert job.verdict is not None
    assert (job.verdict.where, job.verdict.moved) == (Where.SOURCE, False)
    assert libvirts.source.state() == RUNNING


async def test_a_migration_whose_job_died_goes_on_and_is_taken_up(libvirts: LibvirtPair, desk: Desk) -> None:
    libvirts.start()
    job = await desk.going()
    os.kill(job.pid, signal.SIGKILL)
    while desk.jobs.get(job.number)[1] is not JobState.DIED:
        await asyncio.sleep(0.05)
    assert not (await desk.jobs.settle(job)).over
    await desk.jobs.take_up(job)
    await desk.jobs.tell(job.number, Adjust(bandwidth=0))
    await desk.jobs.tell(job.number, Continue())
    job = await desk.until(job.number, lambda j: j.over)
    assert job.verdict is not None
    assert job.verdict.moved


async def test_a_definition_that_is_sent_along_is_taken(libvirts: LibvirtPair) -> None:
    libvirts.start(pages_per_second=500, persistent=True)
    run = Run(libvirts)
    swaps = [("0000:c1:00.6", "0000:c1:00.7")]  # which this domain has not: only the way of the XML is tried
    uri = f"tcp://{libvirts.destination.address}"
    run.migration = LibvirtMigration(run.source, run.destination, Options(uri=uri), run.controls, swaps)
    assert (await run.run()).moved
    connection = libvirts.destination.connect()
    assert connection.lookupByUUIDString(UUID).isPersistent()
    connection.close()


def test_from_the_command_line(libvirts: LibvirtPair, tmp_path: Path) -> None:
    beside = ("nsenter", "--net", "--target", str(libvirts.source.daemon.pid))  # where the cable is

    def iovtop(*words: str) -> tuple[int, str]:
        command = [*beside, sys.executable, "-m", "tui", *words, "--libvirt", libvirts.source.uri]
        done = subprocess.run(
            command, cwd=ROOT, capture_output=True,
            text=True, timeout=100, check=False, stdin=subprocess.DEVNULL,
            env={**os.environ, "XDG_STATE_HOME": str(tmp_path)},
        )  # fmt: skip
        return done.returncode, done.stdout + done.stderr

    libvirts.start()
    code, said = iovtop("why", NAME)
    assert (code, "QEMU's own reasons were not asked for" in said) == (3, True)
    assert "possible  --strategy vfio" in said
    assert not _tainted(libvirts.source)
    code, said = iovtop("why", NAME, "--ask-qemu", "--measure", "1")
    assert (code, "can migrate live" in said) == (0, True)
    assert "of its memory a second" in said
    assert _tainted(libvirts.source)
    there = libvirts.destination
    code, said = iovtop("compare", NAME, libvirts.source.uri)
    assert (code, "the same host UUID as the source" in said, "runs there already" in said) == (1, True, True)
    code, said = iovtop("compare", NAME, there.uri)
    assert (code, f"can take {NAME} over" in said) == (0, True)
    code, said = iovtop("migrate", NAME, f"{there.uri}x", "--yes")
    assert (code, "cannot be reached" in said) == (6, True)
    code, said = iovtop("migrate", NAME, there.uri, "--strategy", "unplug", "--yes")
    assert (code, "nothing was started" in said) == (6, True)
    network = ("--uri", f"tcp://{there.address}")
    code, said = iovtop("migrate", NAME, f"qemu+tcp://{there.address}/system", *network, "--yes", "--format", "json")
    assert code == 0
    assert f"{NAME} runs on the destination now" in said
    assert there.state() == RUNNING


def test_a_host_is_evacuated(libvirts: LibvirtPair, tmp_path: Path) -> None:
    libvirts.start(pages_per_second=500)
    ends = ["--libvirt", libvirts.source.uri, "--to", libvirts.destination.uri]
    done = subprocess.run(
        [sys.executable, "-m", "tui", "evacuate", NAME, *ends, "--yes"], cwd=ROOT, capture_output=True, text=True,
        timeout=100, check=False, stdin=subprocess.DEVNULL, env={**os.environ, "XDG_STATE_HOME": str(tmp_path)},
    )  # fmt: skip
    assert done.returncode == 0, done
    assert f"migrate 1 of 1 VMs to {libvirts.destination.uri}" in done.stdout + done.stderr
    assert libvirts.destination.state() == RUNNING


def test_from_the_screen(libvirts: LibvirtPair, tmp_path: Path) -> None:
    libvirts.start(pages_per_second=500)
    home = {"HOME": str(tmp_path), "XDG_STATE_HOME": str(tmp_path), "XDG_CONFIG_HOME": str(tmp_path)}
    environ = {**home, "TERM": "xterm-256color", "LC_ALL": "C.UTF-8", "LIBVIRT_DEFAULT_URI": libvirts.source.uri}
    terminal = PseudoTerminal(["-m", "tui", "--write"], environ, (200, 40))
    try:
        terminal.until_shown("WRITE")
        terminal.type(f":{NAME}\r".encode())
        terminal.until_shown(f"{NAME} ")
        terminal.type(b"xG")
        terminal.until_shown(f"Migrate {NAME}")
        terminal.type(b"nowhere\r")
        terminal.until_shown("libvirt there: write the URI of a libvirt")
        terminal.type(b"\x7f" * 7 + libvirts.destination.uri.encode() + b"\r")
        assert "the two libvirts talk to each other" in terminal.until_shown(" Do it  ")
        terminal.type(b"\t\r")
        terminal.until_shown(f"{NAME} runs on the destination now")
        terminal.type(b"\x03")
        terminal.ended_within(20)
    finally:
        terminal.close()
    assert libvirts.destination.state() == RUNNING


def _tainted(host: LibvirtHost) -> bool:
    connection = host.connect()
    try:
        return any("custom monitor" in text for text in connection.lookupByUUIDString(UUID).messages())
    finally:
        connection.close()
