"""The agent: answers one face, and changes the host for it."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Collection, Coroutine, Sequence
from typing import Any, TypeVar

from backend.agent.links import Link
from backend.agent.protocol import (
    MAGIC,
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
    encode,
    request_from,
)
from backend.model.plan import Asked, RunState
from backend.ops.errors import OperationError, Problem, ReadOnly
from backend.ops.operator import Operator

R = TypeVar("R", bound=Request)

_MAX_QUESTIONS = 8
"""Plans and logs that are worked on at a time."""

_MAX_UNSENT = 1 << 20
"""Bytes that a face has not taken, from which on it is not told how far a step is."""

_DROPPED = frozenset({RunState.PROGRESS, RunState.WAITING})


class Server:
    """Serves one face until it goes.

    When it goes in mid-change, the step that is being made is finished and written down; one that is stuck in the
    kernel is left behind.

    Args:
        operator: what plans and runs.
        verbs: those that may be run: none without write mode.
    """

    def __init__(
        self,
        link: Link,
        operator: Operator,
        verbs: Collection[str],
        *,
        program: str,
        host: str,
        source: str,
        warning: str = "",
    ) -> None:
        self._link = link
        self._operator = operator
        self._verbs = frozenset(verbs)
        self._about = {"program": program, "host": host, "source": source, "warning": warning}
        self._greeted = False
        self._heard = -1
        self._said = 0
        self._questions: set[asyncio.Task[None]] = set()
        self._run: asyncio.Task[None] | None = None
        self._waiting = False
        """Whether the last that was heard of the run is that a step does not come back."""
        self._gone = False

    async def serve(self) -> None:
        """Answer until the face goes, or says what is no message."""
        try:
            await self._listen()
        except BadLine as bad:
            self._fail(max(self._heard, 0), Problem.BAD_REQUEST, f"not understood: {bad}", "")
        await self._end()

    async def _listen(self) -> None:
        while line := await self._link.receive():
            request = request_from(line)
            if request.seq <= self._heard:
                raise BadLine(f"message {request.seq} after message {self._heard}")
            self._heard = request.seq
            if isinstance(request, Close):
                return
            if isinstance(request, Hello):
                self._greet(request)
            elif not self._greeted:
                raise BadLine("the first message must be a hello")
            else:
                self._answer(request)

    def _greet(self, hello: Hello) -> None:
        if self._greeted:
            raise BadLine("a second hello")
        self._greeted = True
        mark = MAGIC + b"%d " % VERSION
        self._say(Welcome(seq=self._next(), verbs=tuple(sorted(self._verbs)), **self._about), mark)
        if hello.protocol != VERSION:
            raise BadLine(f"protocol {hello.protocol}; this agent speaks {VERSION}")

    def _answer(self, request: Request) -> None:
        match request:
            case Cancel():
                self._operator.cancel()
            case Leave():
                self._operator.leave()
            case Run(seq=to) if self._run is not None:
                self._fail(to, Problem.BUSY, "a change is being made already", "wait for its end")
            case Run():
                self._run = asyncio.create_task(self._guard(request, self._change))
                self._run.add_done_callback(self._change_ended)
            case _ if len(self._questions) >= _MAX_QUESTIONS:
                self._fail(request.seq, Problem.BUSY, f"{_MAX_QUESTIONS} questions are worked on already", "")
            case _:
                question = asyncio.create_task(self._guard(request, self._look_into))
                self._questions.add(question)
                question.add_done_callback(self._questions.discard)

    def _change_ended(self, _: asyncio.Task[None]) -> None:
        self._run = None

    async def _guard(self, request: R, work: Callable[[R], Coroutine[Any, Any, None]]) -> None:
        """Do what a request wants, and tell what kept it from being done."""
        to = request.seq
        try:
            await work(request)
        except OperationError as error:
            self._fail(to, error.problem, str(error), error.remedy)
        except BadLine as bad:
            self._fail(to, Problem.BAD_REQUEST, f"the answer is too long: {bad}", "ask for less at a time")
        except Exception as fault:
            self._fail(to, Problem.AGENT, f"a fault in iovtop itself ({type(fault).__name__}: {fault})", "report it")

    async def _look_into(self, request: Request) -> None:
        to = request.seq
        match request:
            case PlanFor():
                plan = await self._operator.plan(request.requests, request.settles)
                self._say(Planned(seq=self._next(), to=to, plan=plan))
            case Log():
                for entry in await self._operator.log():
                    self._say(Entered(seq=self._next(), to=to, entry=entry))
                self._say(Done(seq=self._next(), to=to))
            case Damage():
                self._say(Damaged(seq=self._next(), to=to, sentences=tuple(await self._operator.damage())))
            case Recover():
                self._must_write()
                for unfinished in await self._operator.recover():
                    self._say(Found(seq=self._next(), to=to, unfinished=unfinished))
                self._say(Done(seq=self._next(), to=to))
            case LookAt():
                self._must_write()
                look = await self._operator.look_at(request.device)
                self._say(Seen(seq=self._next(), to=to, look=look))
            case Forget():
                self._must_write()
                await self._operator.forget(request.operation)
                self._say(Done(seq=self._next(), to=to))

    async def _change(self, request: Run) -> None:
        self._admit(request.requests)
        events = self._operator.run(request.requests, request.seen, request.typed, request.undoes, request.settles)
        async for event in events:
            self._waiting = event.state is RunState.WAITING
            if self._gone and self._waiting:
                self._operator.leave()
            if event.state not in _DROPPED or self._link.unsent < _MAX_UNSENT:
                self._say(Happened(seq=self._next(), to=request.seq, event=event))

    def _admit(self, requests: Sequence[Asked]) -> None:
        self._must_write()
        missing = sorted({request.verb for request in requests} - self._verbs)
        if missing:
            raise ReadOnly(f"this agent has no verb {missing[0]!r}", f"it has {', '.join(sorted(self._verbs))}")

    def _must_write(self) -> None:
        if not self._verbs:
            raise ReadOnly("this agent only looks: writing was not switched on", "switch write mode on")

    def _next(self) -> int:
        self._said += 1
        return self._said

    def _fail(self, to: int, problem: Problem, message: str, remedy: str) -> None:
        self._say(Failed(seq=self._next(), to=to, problem=problem, message=message, remedy=remedy))

    def _say(self, answer: Answer, mark: bytes = b"") -> None:
        self._link.send(mark + encode(answer))

    async def _end(self) -> None:
        for question in self._questions:
            question.cancel()
        self._gone = True
        if self._run is not None:
            self._operator.cancel()
            if self._waiting:
                self._operator.leave()
            await asyncio.wait((self._run,))
        await self._operator.close()
        self._link.close()
