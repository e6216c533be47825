"""The agent as a program: what it takes, whom it obeys, and what becomes of a change when its face is gone."""

from __future__ import annotations

import asyncio
import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from backend.agent.client import AgentOperator
from backend.agent.protocol import MAGIC
from backend.agent.transports import as_child, spawn
from backend.agent.verbs import VERBS
from backend.host.clock import SystemClock
from backend.model.operation import Entry
from backend.model.plan import Asked, RunEvent, RunState
from backend.ops.errors import AgentError, BadRequest, NoSuchDevice, ReadOnly
from backend.ops.journal_file import FileJournal
from tests.tui.pseudo_terminal import PseudoTerminal
from tests.unit.agent.tree import OTHER_PF, PF, make_tree

REPOSITORY = Path(__file__).resolve().parents[3]
AGENT = [sys.executable, "-I", str(REPOSITORY / "backend/agent/__main__.py")]
HELLO = b'{"kind":"hello","seq":0,"protocol":1}\n'
NONE = "ffff:ff:1f.7"
SOON = 30.0
"""Seconds: what hangs does so for ever, and what does not is quick even on a busy machine."""


def numvfs(pf: str, count: int = 1) -> list[Asked]:
    return [Asked("numvfs", {"pf": pf, "count": count})]


async def test_it_plans_for_this_machine(tmp_path: Path) -> None:
    operator = await as_child([*AGENT, "--write"])
    assert operator.welcome.source == "live"
    assert operator.welcome.host == os.uname().nodename
    assert operator.welcome.verbs == tuple(sorted(VERBS))
    with pytest.raises(NoSuchDevice):
        await operator.plan(numvfs(NONE))
    with pytest.raises(BadRequest):
        await operator.plan(numvfs("../../etc"))
    await operator.close()


@pytest.mark.parametrize("verb", sorted(VERBS))
async def test_started_without_write_mode_it_runs_nothing(verb: str) -> None:
    operator = await as_child(AGENT)
    assert operator.welcome.verbs == ()
    with pytest.raises(NoSuchDevice):
        await operator.plan(numvfs(NONE))
    with pytest.raises(ReadOnly):
        await anext(operator.run([Asked(verb, {"pf": NONE, "count": 1})], ()))
    with pytest.raises(ReadOnly):
        await operator.recover()
    with pytest.raises(ReadOnly):
        await operator.forget(1)
    await operator.close()


@pytest.mark.parametrize("options", [["--help"], ["--write", "--write"], ["--sysfs=/tmp"], ["-c", "import os"], [""]])
def test_it_takes_no_option_but_one(options: list[str]) -> None:
    done = subprocess.run([*AGENT, *options], input=b"", capture_output=True, timeout=SOON, check=False)
    assert (done.returncode, done.stdout) == (2, b"")
    assert done.stderr.startswith(b"This program is started by iovtop")


def test_it_does_not_talk_to_a_terminal() -> None:
    terminal = PseudoTerminal(AGENT[1:], {})
    terminal.ended_within(SOON)
    assert terminal.code == 2
    assert b"started by iovtop" in terminal.written


async def test_what_cannot_be_started_is_said(tmp_path: Path) -> None:
    with pytest.raises(AgentError, match="cannot be started: No such file"):
        await as_child([str(tmp_path / "none")])
    with pytest.raises(AgentError, match="did not start: no such thing"):
        await as_child(["/bin/sh", "-c", "echo no such thing >&2; exit 1"])
    with pytest.raises(AgentError, match=r"did not start$"):
        await as_child(["/bin/true"])


async def test_what_a_login_prints_is_skipped() -> None:
    operator = await as_child(["/bin/sh", "-c", 'echo "Last login: yesterday"; echo motd >&2; exec "$@"', "sh", *AGENT])
    assert operator.welcome.source == "live"
    await operator.close()


class Agent:
    """An agent that was greeted."""

    def __init__(self, command: list[str]) -> None:
        self.process = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE)
        self.say(HELLO)
        assert self.process.stdout is not None
        assert self.process.stdout.readline().startswith(MAGIC)

    def say(self, line: bytes) -> None:
        assert self.process.stdin is not None
        self.process.stdin.write(line)
        self.process.stdin.flush()

    def ended(self) -> int:
        return self.process.wait(SOON)


@pytest.fixture
def agent() -> Iterator[Agent]:
    """The agent of this machine."""
    found = Agent(AGENT)
    with found.process:
        yield found
        found.process.kill()


def test_it_ends_when_its_face_goes(agent: Agent) -> None:
    agent.process.stdin.close()  # type: ignore[union-attr]
    assert agent.ended() == 0


def test_it_ends_when_told_to(agent: Agent) -> None:
    agent.say(b'{"kind":"close","seq":1}\n')
    assert agent.ended() == 0


def test_it_ends_when_somebody_ends_it(agent: Agent) -> None:
    agent.process.send_signal(signal.SIGTERM)
    assert agent.ended() == 0


def test_it_ends_after_what_is_no_message(agent: Agent) -> None:
    agent.say(b"garbage\n")
    assert agent.ended() == 0


@pytest.mark.parametrize("number", ["SIGHUP", "SIGINT", "SIGQUIT", "SIGTSTP", "SIGTTIN", "SIGTTOU"])
def test_what_a_terminal_sends_does_not_touch_it(agent: Agent, number: str) -> None:
    agent.process.send_signal(signal.Signals[number])
    agent.say(b'{"kind":"forget","seq":1,"operation":1}\n')
    assert agent.process.stdout is not None
    assert b'"read-only"' in agent.process.stdout.readline()


def test_it_keeps_none_of_its_streams(agent: Agent) -> None:
    folder = f"/proc/{agent.process.pid}/fd"
    assert {os.readlink(f"{folder}/{stream}") for stream in (0, 1, 2)} == {os.devnull}


# -- changes of a host of files, whose kernel is this test: it takes what is written through a FIFO


class Host:
    """A host of files; writing to its PF's ``sriov_numvfs`` waits until ``take`` is called."""

    def __init__(self, folder: Path) -> None:
        self.root = make_tree(folder)
        self.journal = folder / "journal"
        self._numvfs = self.root / f"devices/pci0000:00/{PF}/sriov_numvfs"
        self._numvfs.unlink()
        os.mkfifo(self._numvfs)

    def agent(self, patience: float) -> list[str]:
        program = str(Path(__file__).with_name("tree_agent.py"))
        return [sys.executable, "-I", program, str(self.root), str(self.journal), str(patience)]

    def take(self) -> bytes:
        """Be the kernel: take what is written, and make the VFs."""
        with self._numvfs.open("rb", buffering=0) as file:
            device = self._numvfs.parent
            vf = device.parent / "0000:01:10.0"
            vf.mkdir()
            (device / "virtfn0").symlink_to(f"../{vf.name}")
            (vf / "physfn").symlink_to(f"../{PF}")
            (self.root / "bus/pci/devices" / vf.name).symlink_to(f"../../../devices/pci0000:00/{vf.name}")
            return file.read()

    def entry(self) -> Entry:
        (found,) = FileJournal(self.journal, SystemClock()).entries()
        return found

    def ended(self) -> Entry:
        """Wait until the journal says how it ended."""
        deadline = time.monotonic() + SOON
        while (found := self.entry()).ended is None:
            assert time.monotonic() < deadline
            time.sleep(0.02)
        return found


@pytest.fixture
def host(tmp_path: Path) -> Host:
    """A host of files."""
    return Host(tmp_path)


def test_killing_the_face_in_mid_change_leaves_a_finished_step_and_an_ended_operation(host: Host) -> None:
    client = [sys.executable, "-I", str(Path(__file__).with_name("client_child.py")), PF, "1", *host.agent(600)]
    face = subprocess.Popen(client, stdout=subprocess.PIPE, text=True)
    assert face.stdout is not None
    assert face.stdout.readline() == "started\n"
    face.kill()
    face.communicate()
    assert host.entry().ended is None
    assert host.take() == b"1\n"
    found = host.ended()
    assert found.ended is RunState.DONE
    assert [step.found for step in found.steps] == [f"{PF} has 1 VFs"]


async def test_a_stuck_write_is_left_behind_and_the_agent_ends(host: Host) -> None:
    link = await spawn(host.agent(0.3), session=True)
    pid = int((await link.receive()).split()[1])
    operator = await AgentOperator.on(link, SOON)
    plan = await operator.plan(numvfs(PF))
    events: list[RunEvent] = []
    async for event in operator.run(plan.asked, plan.fingerprint):
        events.append(event)
        if event.state is RunState.WAITING:
            break
    waiting = events[-1]
    assert waiting.pid
    other = await operator.plan(numvfs(OTHER_PF))
    assert other.ready
    again = await operator.plan(numvfs(PF))
    assert not again.ready
    began = time.monotonic()
    await operator.close()
    assert time.monotonic() - began < SOON
    async with asyncio.timeout(SOON):
        while Path(f"/proc/{pid}").exists() and os.waitpid(pid, os.WNOHANG)[0] == 0:
            await asyncio.sleep(0.01)
    took = time.monotonic() - began
    entry = host.entry()
    assert entry.ended is RunState.STUCK, took
    assert entry.left is not None
    assert entry.left.pid == waiting.pid
    assert f"pid {waiting.pid}, {waiting.wchan or 'kernel function hidden'}" in entry.text
    assert Path(f"/proc/{waiting.pid}").exists()
    # Whoever comes next finds the device locked, and settles it once the write has come back.
    late = await as_child(host.agent(0.3))
    assert not (await late.plan(numvfs(PF))).ready
    assert await asyncio.to_thread(host.take) == b"1\n"
    async with asyncio.timeout(SOON):
        while Path(f"/proc/{waiting.pid}").exists():
            await asyncio.sleep(0.01)
    (found,) = await late.recover()
    assert found.entry.operation == 1
    assert (await late.log())[0].ended is RunState.DONE
    await late.close()
