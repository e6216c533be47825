"""Write mode: off until asked for, and off again when nobody has asked for a change for a while."""

from __future__ import annotations

from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from contextlib import nullcontext
from time import monotonic
from typing import TYPE_CHECKING, Protocol

from backend.host.doors import HostDoors
from backend.model.operation import Entry
from backend.model.plan import Asked, Plan, RunEvent
from backend.ops.errors import ReadOnly

if TYPE_CHECKING:
    from backend.agent.client import AgentOperator
    from backend.agent.transports import Ask

IDLE = 600.0
"""Seconds without a change after which the program is read-only again."""


class Opener(Protocol):
    """Opens the way to change this host, or to its journal alone."""

    def __call__(self, ask: Ask | None, *, write: bool = True) -> Awaitable[AgentOperator]:
        """Return the operator. Raises ``OperationError`` when this user, or this kind of host, has none.

        Args:
            ask: gives the terminal to sudo, for a password; None where nobody is to be asked for one.
            write: without it nothing can be changed.
        """
        ...


async def never_change_the_past(ask: Ask | None, *, write: bool = True) -> AgentOperator:
    """Open nothing: for a screen that plays a recording."""
    raise ReadOnly("a recording is played: what it shows is over and cannot be changed")


def opener_for(doors: HostDoors) -> Opener:
    """Return what opens the way to change a host."""

    async def opener(ask: Ask | None, *, write: bool = True) -> AgentOperator:
        from backend.agent.open_operator import open_operator

        return await open_operator(doors, write=write, ask=ask)

    return opener


class Writing:
    """Whether the screen may change the host, and through whom.

    Args:
        opener: opens the operator when write mode is switched on.
        ask: gives the terminal to sudo, for a password.
        now: seconds that never run backwards.
    """

    def __init__(self, opener: Opener, ask: Ask = nullcontext, now: Callable[[], float] = monotonic) -> None:
        self._opener = opener
        self._ask = ask
        self._now = now
        self._operator: AgentOperator | None = None
        self._last = 0.0
        self.running = False
        """Whether a plan is being run."""

    @property
    def on(self) -> bool:
        """Whether changes can be made."""
        return self._operator is not None

    @property
    def warning(self) -> str:
        """What is wrong with whoever makes the changes; "" = nothing."""
        return self._operator.welcome.warning if self._operator is not None else ""

    async def switch_on(self) -> None:
        """Allow changes. Raises ``OperationError``."""
        if self._operator is None:
            self._operator = await self._opener(self._ask)
        self._last = self._now()

    async def switch_off(self) -> None:
        """Allow no more changes."""
        operator, self._operator = self._operator, None
        if operator is not None:
            await operator.close()

    def leave(self) -> None:
        """Leave at once: what runs goes on or ends without us."""
        if self._operator is not None:
            self._operator.leave()

    @property
    def idle(self) -> bool:
        """Whether nobody has wanted a change for so long that write mode should end."""
        return self.on and not self.running and self._now() - self._last >= IDLE

    async def plan(self, requests: Sequence[Asked]) -> Plan:
        """Return the plan. Raises ``OperationError``."""
        return await self._used().plan(requests)

    async def run(self, plan: Plan, typed: str, undoes: int | None = None) -> AsyncIterator[RunEvent]:
        """Run a confirmed plan. Raises ``OperationError``."""
        self.running = True
        try:
            async for event in self._used().run(plan.asked, plan.fingerprint, typed, undoes):
                self._last = self._now()
                yield event
        finally:
            self.running = False

    def cancel(self) -> None:
        """Make no further step of what runs."""
        self._used().cancel()

    async def log(self) -> Sequence[Entry]:
        """Return the journal, the oldest first, read-only too if no password is wanted. Raises ``OperationError``."""
        if self._operator is not None:
            return await self._used().log()
        operator = await self._opener(None, write=False)
        try:
            return await operator.log()
        finally:
            await operator.close()

    def _used(self) -> AgentOperator:
        if self._operator is None:
            raise ReadOnly("the program is read-only", "W switches write mode on")
        self._last = self._now()
        return self._operator
