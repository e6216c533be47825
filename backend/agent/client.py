"""An operator whose work is done by an agent, wherever that is."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncGenerator, AsyncIterator, Sequence
from typing import TypeVar

from backend.agent.links import Link
from backend.agent.protocol import (
    MAGIC,
    MAX_NOISE,
    VERSION,
    Answer,
    BadLine,
    Cancel,
    Close,
    Damage,
    Damaged,
    Done,
    Entered,
    Failed,
    Forget,
    Found,
    Happened,
    Hello,
    Leave,
    Log,
    LookAt,
    PlanFor,
    Planned,
    Recover,
    Request,
    Run,
    Seen,
    Welcome,
    answer_from,
    encode,
)
from backend.model.operation import Entry, Unfinished
from backend.model.plan import ENDS, Asked, Plan, RunEvent
from backend.model.text import clean
from backend.model.vfio import VfioLook
from backend.ops.errors import AgentError, error_of

_MAX_UNREAD = 10_000
"""Answers to one question that nobody has taken."""

A = TypeVar("A")


class AgentOperator:
    """Talks to one agent. See ``backend.ops.operator.Operator``.

    Attributes:
        welcome: what the agent said of itself.
    """

    def __init__(self, link: Link, welcome: Welcome, said: int) -> None:
        self.welcome = welcome
        self._link = link
        self._said = said
        self._heard = welcome.seq
        self._open: dict[int, asyncio.Queue[Answer | AgentError]] = {}
        self._gone: AgentError | None = None
        self._listening = asyncio.create_task(self._listen())

    @classmethod
    async def on(cls, link: Link, patience: float | None = None) -> AgentOperator:
        """Say hello and return the operator. Raises ``AgentError`` when there is no agent at the other end.

        Args:
            patience: seconds that it may take to answer; None where somebody may have to type a password first.
        """
        hello = Hello(seq=0, protocol=VERSION)
        link.send(encode(hello))
        try:
            async with asyncio.timeout(patience):
                welcome = await _welcome(link)
        except TimeoutError as late:
            await _let_go(link)
            raise AgentError(f"the agent did not answer for {patience:.0f} s") from late
        except BaseException:
            await _let_go(link)
            raise
        return cls(link, welcome, hello.seq)

    @property
    def writes(self) -> bool:
        """Whether anything can be run."""
        return bool(self.welcome.verbs)

    async def plan(self, requests: Sequence[Asked], settles: int | None = None) -> Plan:
        """Return the plan."""
        request = PlanFor(seq=self._next(), requests=tuple(requests), settles=settles)
        async with self._asked(request) as to:
            return self._of(Planned, await self._next_answer(to)).plan

    async def run(
        self,
        requests: Sequence[Asked],
        seen: Sequence[str],
        typed: str = "",
        undoes: int | None = None,
        settles: int | None = None,
    ) -> AsyncGenerator[RunEvent, None]:
        """Run it. Whoever stops listening leaves it to the agent."""
        request = Run(
            seq=self._next(), requests=tuple(requests), seen=tuple(seen), typed=typed, undoes=undoes, settles=settles
        )
        async with self._asked(request) as to:
            ended = False
            while not ended:
                event = self._of(Happened, await self._next_answer(to)).event
                ended = event.state in ENDS
                yield event

    def cancel(self) -> None:
        """Make no further step."""
        self._send(Cancel(seq=self._next()))

    def leave(self) -> None:
        """Wait no longer for what is stuck."""
        self._send(Leave(seq=self._next()))

    async def log(self) -> Sequence[Entry]:
        """Return the journal."""
        return [answer.entry async for answer in self._all(Log(seq=self._next()), Entered)]

    async def damage(self) -> Sequence[str]:
        """Return what is wrong with the journal."""
        async with self._asked(Damage(seq=self._next())) as to:
            return self._of(Damaged, await self._next_answer(to)).sentences

    async def recover(self) -> Sequence[Unfinished]:
        """Look at each operation that has not ended."""
        return [answer.unfinished async for answer in self._all(Recover(seq=self._next()), Found)]

    async def forget(self, operation: int) -> None:
        """Close an operation, and leave the host as it is."""
        async with self._asked(Forget(seq=self._next(), operation=operation)) as to:
            self._of(Done, await self._next_answer(to))

    async def look_at(self, device: str) -> VfioLook:
        """Open a device and return what it says."""
        async with self._asked(LookAt(seq=self._next(), device=device)) as to:
            return self._of(Seen, await self._next_answer(to)).look

    async def close(self) -> None:
        """Let the agent end; never waits for it."""
        if self._gone is None:
            self._send(Close(seq=self._next()))
        self._end("the connection to the agent was closed")
        self._listening.cancel()
        await asyncio.gather(self._listening, return_exceptions=True)
        await _let_go(self._link)

    def _next(self) -> int:
        self._said += 1
        return self._said

    @contextlib.asynccontextmanager
    async def _asked(self, request: Request) -> AsyncIterator[int]:
        """Ask, and give the number under which the answers come. Raises ``AgentError``."""
        if self._gone is not None:
            raise self._gone
        self._open[request.seq] = asyncio.Queue(_MAX_UNREAD)
        try:
            self._send(request)
            yield request.seq
        finally:
            del self._open[request.seq]

    async def _all(self, request: Request, kind: type[A]) -> AsyncIterator[A]:
        """Ask, and yield the answers until the last. Raises ``OperationError``."""
        async with self._asked(request) as to:
            while not isinstance(answer := await self._next_answer(to), Done):
                yield self._of(kind, answer)

    def _send(self, request: Request) -> None:
        try:
            self._link.send(encode(request))
        except BadLine as bad:
            raise AgentError(f"too much at a time: {bad}", "ask for fewer devices at a time") from bad

    async def _next_answer(self, to: int) -> Answer:
        """Return the next answer to a question. Raises ``OperationError``."""
        answer = await self._open[to].get()
        if isinstance(answer, AgentError):
            raise answer
        if isinstance(answer, Failed):
            raise error_of(answer.problem, answer.message, answer.remedy)
        return answer

    def _of(self, kind: type[A], answer: Answer) -> A:
        """Return an answer that is of a kind. Raises ``AgentError``."""
        if not isinstance(answer, kind):
            raise self._end(f"the agent answered with {type(answer).__name__} what was not asked")
        return answer

    async def _listen(self) -> None:
        try:
            while line := await self._link.receive():
                answer = answer_from(line)
                if answer.seq <= self._heard or isinstance(answer, Welcome):
                    raise BadLine("messages out of order")
                self._heard = answer.seq
                if answer.to > self._said:
                    raise BadLine("an answer that nothing was asked for")
                if answer.to in self._open:  # else nobody wants it any more
                    self._open[answer.to].put_nowait(answer)
        except (BadLine, asyncio.QueueFull) as bad:
            self._end(f"the agent does not make sense and was cut off: {bad or 'it says too much'}")
        else:
            self._end("the agent has gone")

    def _end(self, message: str) -> AgentError:
        """Talk to the agent no more; return why."""
        if self._gone is None:
            self._gone = AgentError(message, "`iovtop log` says what it has done, `iovtop recover` finishes it")
            self._link.close()
            for queue in self._open.values():
                if not queue.full():
                    queue.put_nowait(self._gone)
        return self._gone


async def _let_go(link: Link) -> None:
    """Close a link, and let the loop give its descriptors back: it may end right after."""
    link.close()
    await asyncio.sleep(0)


async def _welcome(link: Link) -> Welcome:
    """Return what the marked line says. Raises ``AgentError``."""
    noise = b""
    try:
        while line := await link.receive():
            if line.startswith(MAGIC):
                return _understood(line.removeprefix(MAGIC))
            noise += line
            if len(noise) > MAX_NOISE:
                raise BadLine(f"more than {MAX_NOISE} bytes before its first message")
    except BadLine as bad:
        raise AgentError(f"there is no agent at the other end: {bad}") from bad
    last = clean(noise.strip().rpartition(b"\n")[2], 300)
    raise AgentError(f"the agent did not start{f': {last}' if last else ''}")


def _understood(marked: bytes) -> Welcome:
    """Return what follows the mark: the protocol's version, and a welcome in it. Raises ``AgentError``, ``BadLine``."""
    version, _, line = marked.partition(b" ")
    if version != b"%d" % VERSION:
        spoken = clean(version, 20)
        raise AgentError(
            f"the agent speaks version {spoken} of the protocol, not {VERSION}", "install the same iovtop on both sides"
        )
    welcome = answer_from(line)
    if not isinstance(welcome, Welcome):
        raise BadLine("it does not begin with a welcome")
    return welcome
