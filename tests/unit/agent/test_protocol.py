"""Lines of the agent: what is understood, and what is not."""

from __future__ import annotations

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from backend.agent.protocol import (
    MAX_LINE,
    BadLine,
    Failed,
    Hello,
    PlanFor,
    Planned,
    Run,
    answer_from,
    encode,
    request_from,
)
from backend.model.ids import PciAddress
from backend.model.plan import Asked, Condition, Danger, Plan, Step
from backend.model.text import MAX_TEXT
from backend.ops.errors import OperationError, Problem, error_of

ASKED = (Asked("numvfs", {"pf": "0000:01:00.0", "count": 3, "guests": True, "autoprobe": None}),)


def plan(found: str = "", old: str = "", where: str = "/sys/x") -> Plan:
    """Return a plan."""
    return Plan(
        asked=ASKED, title="3 VFs", devices=(PciAddress("0000:01:00.0"),),
        conditions=(Condition("nobody holds it", not found, found, ""),),
        steps=(Step("make 3 VFs", where, old, "3", "echo 3 > /sys/x", "3 VFs"),), consequences=("they come",),
        undo=ASKED, no_undo="", danger=Danger.REVERSIBLE, must_type="", unseen=False,
    )  # fmt: skip


def test_a_message_comes_as_it_was_sent() -> None:
    for request in (Hello(seq=0, protocol=1), Run(seq=3, requests=ASKED, seen=("a", "b"), typed="x", undoes=4)):
        assert request_from(encode(request)) == request
    answer = Planned(seq=9, to=2, plan=plan())
    assert answer_from(encode(answer)) == answer


@given(st.text(max_size=2 * MAX_TEXT), st.text(max_size=1200), st.text(max_size=1200))
@settings(max_examples=300)
def test_a_plan_that_travelled_is_confirmed_as_the_one_that_was_sent(found: str, old: str, where: str) -> None:
    sent = plan(found.encode("utf-8", "ignore").decode(), old.encode("utf-8", "ignore").decode(),
                where.encode("utf-8", "ignore").decode())  # fmt: skip
    came = answer_from(encode(Planned(seq=1, to=1, plan=sent)))
    assert isinstance(came, Planned)
    assert came.plan.fingerprint == sent.fingerprint
    again = request_from(encode(Run(seq=1, requests=ASKED, seen=came.plan.fingerprint)))
    assert isinstance(again, Run)
    assert again.seen == sent.fingerprint


def test_no_control_character_comes_through() -> None:
    hostile = "\x1b]52;c;aGk=\x07\u202e[@click=app.quit]\x9b31m\nroot# "
    answer = answer_from(encode(Failed(seq=1, to=0, problem=Problem.REFUSED, message=hostile, remedy=hostile * 200)))
    assert isinstance(answer, Failed)
    assert answer.message.isprintable()
    assert answer.remedy.isprintable()
    assert len(answer.remedy) <= MAX_TEXT


@pytest.mark.parametrize(
    "line",
    [
        b"\n",
        b"{}\n",
        b"null\n",
        b"[]\n",
        b'"hello"\n',
        b'{"kind":"hello","seq":1,"protocol":1',
        b'{"kind":"hello","seq":-1,"protocol":1}\n',
        b'{"kind":"hello","seq":1.5,"protocol":1}\n',
        b'{"kind":"hello","seq":"1","protocol":1}\n',
        b'{"kind":"hello","seq":9007199254740992,"protocol":1}\n',
        b'{"kind":"hello","seq":1e999,"protocol":1}\n',
        b'{"kind":"hello","seq":NaN,"protocol":1}\n',
        b'{"kind":"hello","seq":1,"protocol":1,"sudo":true}\n',
        b'{"kind":"shell","seq":1}\n',
        b'{"kind":"plan","seq":1}\n',
        b'{"kind":"plan","seq":1,"requests":[]}\n',
        b'{"kind":"plan","seq":1,"requests":["numvfs"]}\n',
        b'{"kind":"plan","seq":1,"requests":[{"verb":"numvfs"}]}\n',
        b'{"kind":"plan","seq":1,"requests":[{"verb":7,"arguments":{}}]}\n',
        b'{"kind":"hello","seq":1,"protocol":1,"terminal":"\\ud800"}\n',
        b'\xff{"kind":"hello"}\n',
        b"[" * 100_000,
        b'{"a":' * 50_000,
        b"[" * 100 + b"]" * 100,
        b"[" + b"0," * 300_000 + b"0]",
        b'"' + b"a" * (MAX_TEXT + 1) + b'"',
        b"{" + b",".join(b'"%d":0' % n for n in range(65)) + b"}",
        b" " * (MAX_LINE + 1),
    ],
)  # fmt: skip
def test_what_is_no_message_is_not_understood(line: bytes) -> None:
    with pytest.raises(BadLine):
        request_from(line)
    with pytest.raises(BadLine):
        answer_from(line)


def test_too_many_requests_are_no_message() -> None:
    line = msgspec.json.encode({"kind": "plan", "seq": 1, "requests": [{"verb": "numvfs", "arguments": {}}] * 4097})
    with pytest.raises(BadLine):
        request_from(line)
    assert isinstance(request_from(line.replace(b'{"verb":"numvfs","arguments":{}},', b"", 1)), PlanFor)


def test_what_is_too_long_is_not_sent() -> None:
    with pytest.raises(BadLine):
        encode(Failed(seq=1, to=1, problem=Problem.AGENT, message="a" * MAX_LINE))


@pytest.mark.parametrize("problem", list(Problem))
def test_every_problem_is_an_error_of_its_own(problem: Problem) -> None:
    error = error_of(problem, "what", "do this")
    assert isinstance(error, OperationError)
    assert (error.problem, str(error), error.remedy) == (problem, "what", "do this")
