"""Hostile faces: whatever they say, the agent neither falls over, nor grows, nor touches what it should not."""

from __future__ import annotations

import asyncio
import json
import os
import re
import shutil
import subprocess
import sys
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path
from random import Random
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from backend.agent.client import AgentOperator
from backend.agent.links import memory_links
from backend.agent.protocol import MAGIC
from backend.agent.verbs import VERBS
from backend.model.plan import Asked
from backend.ops.errors import OperationError
from tests.unit.agent.hostile import HELLO, damaged, message, session, value
from tests.unit.agent.simulated import SimulatedAgent, answers
from tests.unit.agent.tree import make_tree

REPOSITORY = Path(__file__).resolve().parents[3]
_CALL = re.compile(r'^\d+ +(\w+)\((?:(?:AT_FDCWD|\d+)(?:<([^>]*)>)?, )?"((?:[^"\\]|\\.)*)"(.*)$')
_READ_ONLY = frozenset({
    "stat", "lstat", "newfstatat", "statx", "access", "faccessat", "faccessat2", "readlink", "readlinkat",
})  # fmt: skip


async def _tell(data: bytes, verbs: tuple[str, ...]) -> list[dict[str, object]]:
    agent = SimulatedAgent()
    link, serving = agent.serve(verbs)
    link.send(data)
    link.end()
    found = await agent.clock.run(answers(link))
    await agent.clock.run(serving)
    assert [entry.plan.title for entry in agent.journal.entries() if entry.plan.steps] == []
    agent.host.close()
    return found


@given(st.binary(max_size=400) | st.randoms(use_true_random=False).map(session), st.booleans())
@settings(max_examples=100, deadline=None, suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large])
def test_nothing_that_is_said_makes_a_fault_or_a_change(data: bytes, write: bool) -> None:
    for answer in asyncio.run(_tell(data, tuple(VERBS) if write else ())):
        assert answer["kind"] in ("welcome", "plan", "entry", "damage", "found", "look", "done", "event", "error")
        assert answer.get("problem") != "agent"


@given(st.integers(0, 2**32), st.integers(0, 400))
@settings(max_examples=100, deadline=None)
def test_whatever_is_cut_short_ends(seed: int, size: int) -> None:
    dice = Random(seed)
    data = HELLO + message(dice, 1) + damaged(dice, message(dice, 2))
    asyncio.run(_tell(data[:size], tuple(VERBS)))


def _touched(trace: Path) -> Iterator[tuple[str, str, str]]:
    """Yield system call, path and the rest of the line of all that touched a file after the warm-up."""
    lines = iter(trace.read_text(errors="backslashreplace").splitlines())
    for line in lines:
        if "/iovtop-hostile-begins" in line:
            break
    else:
        raise AssertionError("it did not begin")
    for line in lines:
        call = _CALL.match(line)
        if call is not None:
            name, folder, path, rest = call.groups()
            yield name, os.path.normpath(os.path.join(folder or "", path)), rest


@pytest.mark.parametrize("sessions", [500, pytest.param(10_000, marks=[pytest.mark.slow, pytest.mark.timeout(900)])])
def test_no_file_is_touched_that_is_not_the_hosts(tmp_path: Path, sessions: int) -> None:
    strace = shutil.which("strace")
    if strace is None:
        pytest.skip("strace is not installed")
    root = make_tree(tmp_path)
    trace = tmp_path / "trace"
    child = [sys.executable, "-I", str(Path(__file__).with_name("hostile_child.py")), str(root), str(sessions), "7"]
    watched = [strace, "-f", "-qq", "-y", "-s", "5000", "-e", "trace=%file,openat2", "-o", str(trace), *child]
    done = subprocess.run(watched, capture_output=True, text=True, timeout=800, check=False)
    if "PTRACE" in done.stderr:
        pytest.skip(done.stderr.splitlines()[0])
    assert (done.returncode, done.stderr) == (0, "")
    found = json.loads(done.stdout)
    assert found["changed"] == 0
    assert found["answers"]["welcome"] > sessions / 2
    assert found["answers"]["bad request"] > sessions / 2
    assert found["answers"]["changed"]
    assert found["grown"] < 50 << 10
    own = tuple(os.path.realpath(place) + "/" for place in (sys.prefix, sys.base_prefix, REPOSITORY))
    strangers = [
        (name, path, rest)
        for name, path, rest in _touched(trace)
        if not (path == str(root) or path.startswith(f"{root}/"))
        and not ((path.startswith(own) or path.endswith("/pci.ids")) and (name in _READ_ONLY or "O_RDONLY" in rest))
    ]
    assert strangers == []
    assert not [
        path for _, path, rest in _touched(trace) if "O_WRONLY" in rest or "O_RDWR" in rest or "O_CREAT" in rest
    ]


def _answers(dice: Random) -> bytes:
    """Return what a hostile agent says after its welcome."""
    lines = []
    for seq in range(2, dice.randrange(3, 8)):
        kind = dice.choice(("plan", "event", "entry", "damage", "found", "done", "error", "welcome", "x"))
        fields: dict[str, Any] = {"kind": kind, "seq": seq, "to": dice.choice((0, 1, 1, 1, 2, 7))}
        fields[dice.choice(("plan", "event", "entry", "sentences", "unfinished"))] = value(dice)
        if kind == "error":
            fields |= {"problem": dice.choice(("refused", "busy", "x")), "message": value(dice)}
        line = json.dumps(fields).encode() + b"\n"
        lines.append(damaged(dice, line) if dice.random() < 0.3 else line)
    return b"".join(lines)


async def _ask(said: bytes) -> None:
    near, far = memory_links()
    far.send(MAGIC + b'1 {"kind":"welcome","seq":1,"program":"1","host":"h","source":"live","verbs":[]}\n' + said)
    far.end()
    operator = await AgentOperator.on(near)
    for question in (operator.plan([Asked("numvfs", {})]), operator.damage(), operator.log()):
        with suppress(OperationError):
            await question
    await operator.close()


@given(st.binary(max_size=300) | st.randoms(use_true_random=False).map(_answers))
@settings(max_examples=150, deadline=None, suppress_health_check=[HealthCheck.too_slow])
def test_nothing_that_an_agent_says_makes_a_fault(said: bytes) -> None:
    async def bounded() -> None:
        async with asyncio.timeout(30):
            await _ask(said)

    asyncio.run(bounded())
