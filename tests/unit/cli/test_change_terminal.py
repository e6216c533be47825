"""Changes on a real terminal: the question, the bar, and Ctrl-C at every moment."""

from __future__ import annotations

import re
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from backend.cli.exits import Exit
from backend.model.plan import RunState
from tests.tui.pseudo_terminal import PATIENCE, PseudoTerminal
from tests.unit.ops.journals import opened

_ENVIRONMENT = {"TERM": "xterm", "XDG_CONFIG_HOME": "/nonexistent", "XDG_STATE_HOME": "/nonexistent"}

_FORCED = """
import sys
from backend.agent import open_operator
from tests.conformance import unguarded

unguarded.PATIENCE = float(sys.argv[1])
open_operator.LocalOperator = unguarded.Unguarded
sys.argv[1:] = sys.argv[2:]
from tui.__main__ import main
main()
"""
"""iovtop whose changes do not ask who holds a device. Its first argument: seconds until a write counts as stuck."""

_STUCK = ("--sim", "lab", "numvfs", "0000:01:00.0", "0")
"""A VM holds a VF of that PF: a write that takes the VFs away never comes back."""


@contextmanager
def terminal(arguments: list[str]) -> Iterator[PseudoTerminal]:
    """Start iovtop on a terminal."""
    found = PseudoTerminal(arguments, _ENVIRONMENT, (100, 40))
    try:
        yield found
    finally:
        found.close()


def ours(*arguments: str) -> list[str]:
    return ["-m", "tui", "--sim", "bare", *arguments]


def test_yes_does_it_and_draws_a_bar() -> None:
    with terminal(ours("numvfs", "eno1", "2")) as shown:
        shown.until(b"Do it? [y/N]")
        assert "✓ nobody holds 0000:02:10.0".encode() in shown.written
        shown.type(b"y\r")
        shown.until(b"takes it back")
        shown.ended_within(PATIENCE)
        assert shown.code == Exit.OK
        assert b"2/2 done: 0000:01:00.0 has 2 VFs" in shown.written
        assert b"\x1b[?25h" in shown.written  # the cursor is shown again


@pytest.mark.parametrize("answer", [b"\r", b"n\r", b"yess\r", b"\x04", b"\x03"])
def test_anything_else_does_nothing(answer: bytes) -> None:
    with terminal(ours("numvfs", "eno1", "2")) as shown:
        shown.until(b"Do it? [y/N]")
        shown.type(answer)
        shown.ended_within(PATIENCE)
        assert shown.code == Exit.INTERRUPTED
        assert b"1/2" not in shown.written
        assert b"Traceback" not in shown.written


def test_without_questions_when_told_so() -> None:
    with terminal(ours("numvfs", "eno1", "2", "--yes")) as shown:
        shown.until(b"takes it back")
        shown.ended_within(PATIENCE)
        assert shown.code == Exit.OK
        assert b"Do it?" not in shown.written


@pytest.mark.parametrize(("patience", "sign"), [("1", rb"in the kernel for"), ("600", rb"1/1 remove the")])
def test_ctrl_c_cancels_and_once_more_leaves(patience: str, sign: bytes) -> None:
    with terminal(["-c", _FORCED, patience, *_STUCK, "--yes"]) as shown:
        shown.until(sign)
        shown.type(b"\x03")
        shown.until(b"Ctrl-C again")
        assert shown.code is None
        shown.type(b"\x03")
        shown.ended_within(PATIENCE)  # the step itself never ends
        assert shown.code == Exit.STUCK
        said = re.sub(rb"\s+", b" ", shown.written)
        assert b"left: the step goes on in the kernel" in said
        assert b"iovtop recover" in said
        assert b"is in the kernel for" in said


_JOURNALLED = """
import sys
from pathlib import Path
from backend.agent.inprocess import in_process
from backend.cli import change
from backend.cli.main import parse
from backend.ops.operator import LocalOperator
from backend.simhost.load import read
from backend.simhost.open import open_scenario
from tests.unit.ops.journals import WHO, opened

folder = Path(sys.argv[1])
scenario = Path("tests/conformance/simulated.toml").read_text()
(folder / "slow.toml").write_text(scenario.replace("vf_delay = 0.05", "vf_delay = 1.5"))
doors = open_scenario(read(folder / "slow.toml"), "slow")
operator = LocalOperator(doors, opened(folder), WHO)

async def open_operator(*_, **__):
    return await in_process(operator, doors)

change.open_operator = open_operator
options = parse(["numvfs", "0000:01:00.0", "4", "--guests", "--yes"])
sys.exit(options.run(doors, options))
"""
"""A change on a simulated host that takes its time, with a journal on disk."""


def test_a_lost_terminal_ends_it_between_two_steps_and_puts_switches_back(tmp_path: Path) -> None:
    with terminal(["-c", _JOURNALLED, str(tmp_path)]) as shown:
        shown.until(b"make 4 VFs")
        shown.until(b" of 4")
        shown.hang_up()
        shown.ends_unread(PATIENCE)
    (entry,) = opened(tmp_path).entries()
    assert entry.ended is RunState.ABORTED, entry
    texts = [entry.plan.steps[record.step].text for record in entry.steps if record.found is not None]
    assert texts[0] == "keep host drivers away from new VFs"
    assert texts[1] == "make 4 VFs"
    assert texts[-1] == "let host drivers take new VFs"
    assert len(texts) < len(entry.plan.steps)
