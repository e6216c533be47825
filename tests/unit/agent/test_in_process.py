"""One face and one agent: what is asked for is done, and what is not allowed is not there."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator

import pytest
import pytest_asyncio

from backend.agent.client import AgentOperator
from backend.agent.links import memory_links
from backend.agent.protocol import MAGIC
from backend.agent.verbs import VERBS
from backend.model.plan import Asked, RunEvent, RunState
from backend.ops.errors import AgentError, BadRequest, Busy, Changed, NoSuchDevice, OperationError, ReadOnly, Refused
from backend.simhost.clock import settle
from tests.unit.agent.simulated import OTHER_PF, PF, SimulatedAgent, answers

HELLO = b'{"kind":"hello","seq":0,"protocol":1}\n'
RUN = b'{"kind":"run","seq":1,"requests":[{"verb":"numvfs","arguments":{"pf":"%s","count":2}}],"seen":%s}\n'


@pytest_asyncio.fixture
async def agent() -> AsyncIterator[SimulatedAgent]:
    """A simulated host."""
    found = SimulatedAgent()
    yield found
    found.host.close()


def numvfs(count: int, pf: str = PF) -> list[Asked]:
    """Return the request."""
    return [Asked("numvfs", {"pf": pf, "count": count})]


async def run(operator: AgentOperator, requests: list[Asked]) -> list[RunEvent]:
    """Plan, confirm and run."""
    plan = await operator.plan(requests)
    return [event async for event in operator.run(plan.asked, plan.fingerprint)]


async def test_what_was_planned_is_run_and_kept(agent: SimulatedAgent) -> None:
    operator = await agent.operator()
    plan = await agent.clock.run(operator.plan(numvfs(3)))
    assert plan == await agent.clock.run(agent.local.plan(numvfs(3)))
    events = await agent.clock.run(run(operator, numvfs(3)))
    assert events[-1].state is RunState.DONE
    assert len(agent.vfs()) == 3
    (entry,) = await operator.log()
    assert (entry.plan, entry.ended) == (plan, RunState.DONE)
    assert entry == agent.journal.entries()[0]
    await operator.close()


@pytest.mark.parametrize(
    ("requests", "error"),
    [
        ([Asked("numvfs", {"pf": "ffff:ff:1f.7", "count": 1})], NoSuchDevice),
        ([Asked("numvfs", {"pf": "0000:08:01.0", "count": 1})], Refused),
        ([Asked("numvfs", {"pf": "../../etc", "count": 1})], BadRequest),
        ([Asked("shell", {})], BadRequest),
    ],
)
async def test_errors_are_the_operators_own(
    agent: SimulatedAgent, requests: list[Asked], error: type[OperationError]
) -> None:
    operator = await agent.operator()
    with pytest.raises(error) as far:
        await agent.clock.run(operator.plan(requests))
    with pytest.raises(error) as near:
        await agent.clock.run(agent.local.plan(requests))
    assert (str(far.value), far.value.remedy) == (str(near.value), near.value.remedy)
    await operator.close()


async def test_what_changed_is_not_run(agent: SimulatedAgent) -> None:
    operator = await agent.operator()
    plan = await agent.clock.run(operator.plan(numvfs(3)))
    await agent.clock.run(run(operator, numvfs(1)))
    with pytest.raises(Changed):
        await agent.clock.run(anext(operator.run(plan.asked, plan.fingerprint)))
    assert len(agent.vfs()) == 1
    await operator.close()


@pytest.mark.parametrize("verb", sorted(VERBS))
async def test_without_write_mode_no_verb_can_be_run(agent: SimulatedAgent, verb: str) -> None:
    operator = await agent.operator(write=False)
    assert operator.welcome.verbs == ()
    assert not operator.writes
    with pytest.raises(ReadOnly):
        await agent.clock.run(anext(operator.run([Asked(verb, {})], ())))
    plan = await agent.clock.run(operator.plan(numvfs(2)))
    with pytest.raises(ReadOnly):
        await agent.clock.run(anext(operator.run(plan.asked, plan.fingerprint)))
    assert agent.vfs() == []
    assert await operator.log() == []
    await operator.close()


async def test_one_change_at_a_time_and_questions_beside_it(agent: SimulatedAgent) -> None:
    operator = await agent.operator()
    plan = await agent.clock.run(operator.plan(numvfs(2)))
    events = operator.run(plan.asked, plan.fingerprint)
    first = asyncio.ensure_future(anext(events))
    await settle()
    assert first.done()
    assert (await first).state is RunState.STARTED
    with pytest.raises(Busy):
        await agent.clock.run(run(operator, numvfs(1, OTHER_PF)))
    assert [entry.ended for entry in await operator.log()] == [None]
    assert (await agent.clock.run(_rest(events)))[-1].state is RunState.DONE
    assert (await agent.clock.run(run(operator, numvfs(1, OTHER_PF))))[-1].state is RunState.DONE
    await operator.close()


async def _rest(events: AsyncIterator[RunEvent]) -> list[RunEvent]:
    return [event async for event in events]


async def test_cancelling_makes_no_further_step(agent: SimulatedAgent) -> None:
    operator = await agent.operator()
    await agent.clock.run(run(operator, numvfs(4)))
    plan = await agent.clock.run(operator.plan(numvfs(2)))
    events = operator.run(plan.asked, plan.fingerprint)
    first = asyncio.ensure_future(anext(events))
    await settle()
    await first
    operator.cancel()
    last = (await agent.clock.run(_rest(events)))[-1]
    assert last.state is RunState.ABORTED
    assert agent.vfs() == []
    await operator.close()


async def test_when_the_face_goes_the_step_is_finished_and_no_other_made(agent: SimulatedAgent) -> None:
    operator = await agent.operator()
    await agent.clock.run(run(operator, numvfs(4)))
    plan = await agent.clock.run(operator.plan(numvfs(2)))
    first = asyncio.ensure_future(anext(operator.run(plan.asked, plan.fingerprint)))
    await settle()
    await first
    await operator.close()
    await agent.clock.advance_to_each(60)
    entry = agent.journal.entries()[-1]
    assert (entry.ended, [step.found for step in entry.steps]) == (RunState.ABORTED, [f"{PF} has 0 VFs"])
    assert agent.vfs() == []


async def test_an_agent_that_goes_is_an_error_and_not_a_hang() -> None:
    near, far = memory_links()
    connecting = asyncio.ensure_future(AgentOperator.on(near))
    await settle()
    far.send(b'Welcome to hv1!\n' + MAGIC + b'1 {"kind":"welcome","seq":1,"program":"1","host":"h","source":"live",'
             b'"verbs":[]}\n')  # fmt: skip
    operator = await connecting
    asking = asyncio.ensure_future(operator.plan(numvfs(1)))
    await settle()
    far.close()
    with pytest.raises(AgentError, match="has gone"):
        await asking
    with pytest.raises(AgentError, match="has gone"):
        await operator.log()
    operator.cancel()
    await operator.close()


@pytest.mark.parametrize(
    "answer",
    [
        b"garbage\n",
        b'{"kind":"done","seq":1,"to":1}\n',
        b'{"kind":"done","seq":2,"to":77}\n',
        b'{"kind":"done","seq":2,"to":1}\n',
        b'{"kind":"event","seq":2,"to":1,"event":{"state":"exploded"}}\n',
        b'{"kind":"error","seq":2,"to":1,"problem":"unheard of","message":""}\n',
        b"[" * 100_000 + b"\n",
    ],
)
async def test_an_agent_that_makes_no_sense_is_cut_off(answer: bytes) -> None:
    near, far = memory_links()
    connecting = asyncio.ensure_future(AgentOperator.on(near))
    await settle()
    far.send(MAGIC + b'1 {"kind":"welcome","seq":1,"program":"1","host":"h","source":"live","verbs":[]}\n')
    operator = await connecting
    asking = asyncio.ensure_future(operator.plan(numvfs(1)))
    await settle()
    far.send(answer)
    with pytest.raises(AgentError):
        await asking
    assert await far.receive()  # the hello
    assert await far.receive()  # the question
    assert not await far.receive()
    await operator.close()


@pytest.mark.parametrize(
    ("first", "said"),
    [
        (b"", "did not start"),
        (b"sudo: a password is required\n", "did not start: sudo: a password is required"),
        (b"\x1b]0;x\x07\n", r"\\x1b\]0;x\\x07"),
        (MAGIC + b'2 {"anything":1}\n', "version 2 of the protocol, not 1"),
        (MAGIC + b"\n", "version  of the protocol"),
        (MAGIC + b"1 {}\n", "there is no agent"),
        (MAGIC + b'1 {"kind":"done","seq":1,"to":0}\n', "does not begin with a welcome"),
        (b"banner\n" * 20_000, "more than 65536 bytes"),
    ],
)
async def test_whatever_is_no_agent_is_said_to_be_none(first: bytes, said: str) -> None:
    near, far = memory_links()
    connecting = asyncio.ensure_future(AgentOperator.on(near))
    await settle()
    far.send(first)
    far.close()
    with pytest.raises(AgentError, match=said):
        await connecting


@pytest.mark.parametrize(
    "lines",
    [
        b"garbage\n",
        HELLO + b"garbage\n",
        HELLO + HELLO,
        HELLO + b'{"kind":"hello","seq":1,"protocol":1}\n',
        HELLO + b'{"kind":"log","seq":0}\n',
        b'{"kind":"log","seq":0}\n',
        b'{"kind":"hello","seq":0,"protocol":2}\n',
        RUN % (PF.encode(), b"[]"),
    ],
)
async def test_a_face_that_makes_no_sense_is_told_so_and_cut_off(agent: SimulatedAgent, lines: bytes) -> None:
    link, serving = agent.serve()
    link.send(lines)
    *_, last = await answers(link)
    assert (last["kind"], last["problem"]) == ("error", "bad request")
    await serving
    assert agent.vfs() == []


@pytest.mark.parametrize("size", range(0, len(HELLO) + 1, 5))
async def test_the_face_may_go_at_any_point(agent: SimulatedAgent, size: int) -> None:
    link, serving = agent.serve()
    link.send(HELLO[:size])
    link.close()
    await serving
