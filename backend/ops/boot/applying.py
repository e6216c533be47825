"""Making a host what was saved: each entry phase by phase, every one a plan of its own that the journal keeps."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable, Collection, Sequence
from dataclasses import dataclass

from backend.model.boot import Lost, SavedMdev, SavedPf
from backend.model.ids import DeviceId
from backend.model.plan import Asked, Plan, RunEvent, RunState
from backend.ops.boot.phases import Phase, requests_for
from backend.ops.boot.sight import Sight
from backend.ops.errors import OperationError
from backend.ops.operator import Operator
from backend.probe.boot.file import Entry

Tell = Callable[[Plan, RunEvent], None]
"""Hears of every event of what is run."""

_NEEDS_VFS = (Phase.SETTINGS, Phase.VF_DRIVERS)


@dataclass(frozen=True, slots=True)
class Part:
    """What one entry wants in one phase, and what came of it."""

    name: str
    """The device, or what it was saved as."""
    phase: Phase | None = None
    """None where it is not known which device is meant."""
    plan: Plan | None = None
    ended: RunEvent | None = None
    """How it ended; None where nothing was run."""
    refused: str = ""
    """Why nothing was done; "" where nothing stood in the way."""
    remedy: str = ""
    later: str = ""
    """In a rehearsal: why it cannot be planned yet."""

    @property
    def failed(self) -> bool:
        """Whether it is not as it was saved, and will not be by itself."""
        return bool(self.refused) or (self.ended is not None and self.ended.state is not RunState.DONE)


class Applying:
    """Makes one host what was saved.

    What is refused or fails keeps nothing else from being done, but for the later phases of the same entry.

    Args:
        rehearsal: only plan.
        confirmed: full ids of protected devices that may be changed.
        tell: hears of every event.
        stopped: whether somebody wants no further part begun.
    """

    def __init__(
        self,
        sight: Sight,
        operator: Operator,
        *,
        rehearsal: bool = False,
        confirmed: Collection[str] = (),
        tell: Tell = lambda plan, event: None,
        stopped: Callable[[], bool] = lambda: False,
    ) -> None:
        self._sight = sight
        self._operator = operator
        self._rehearsal = rehearsal
        self._confirmed = confirmed
        self._tell = tell
        self._stopped = stopped
        self._given_up: set[str] = set()
        self._awaited: set[str] = set()
        """PFs whose VFs would be made by what was only planned."""

    async def parts(self) -> AsyncIterator[Part]:
        """Yield what is not as it was saved, part by part, each when it has ended. Nothing else is done."""
        await self._sight.look()
        for _, lost in self._sight.placed.lost:
            yield Part(lost.name, refused=lost.why, remedy=lost.remedy)
        for phase in Phase:
            made = False
            for entry, name in self._sight.placed.entries:
                if str(name) in self._given_up:
                    continue
                async for part in self._part(phase, entry, name):
                    made = made or part.ended is not None
                    if part.failed:
                        self._given_up.add(str(name))
                    yield part
                    if self._stopped():
                        return
            if made:
                await self._sight.look()

    async def _part(self, phase: Phase, entry: Entry, name: DeviceId) -> AsyncIterator[Part]:
        if self._awaited and (why := self._waits(phase, entry, name)):
            yield Part(str(name), phase, later=why)
            return
        requests = requests_for(phase, entry, name, self._sight.scene)
        if isinstance(requests, Lost):
            yield Part(str(name), phase, refused=requests.why, remedy=requests.remedy)
            return
        async for part in self._done(phase, str(name), requests):
            if self._rehearsal and phase is Phase.VFS and not part.failed:
                self._awaited.add(str(name))
            yield part

    def _waits(self, phase: Phase, entry: Entry, name: DeviceId) -> str:
        """Return why a part cannot be planned before others are done; "" where it can."""
        if isinstance(entry, SavedPf) and name in self._awaited and phase in _NEEDS_VFS and entry.vf:
            return f"planned when the VFs of {name} are there"
        if isinstance(entry, SavedMdev) and phase is Phase.MDEV and entry.vf is not None:
            return f"planned when VF {entry.vf} of its parent is there"
        return ""

    async def _done(self, phase: Phase, name: str, requests: Sequence[Asked]) -> AsyncIterator[Part]:
        """Plan and run; where that is refused as a whole, request by request, so that the rest is done."""
        if not requests:
            return
        refused, remedy = "", ""
        plan: Plan | None = None
        try:
            plan = await self._operator.plan(requests)
        except OperationError as error:
            refused, remedy = str(error), error.remedy
        if plan is not None:
            if not plan.steps:
                return
            refused, remedy = plan.objections, plan.remedies
            if plan.must_type and plan.must_type not in self._confirmed and not self._rehearsal:
                refused = refused or f"{plan.must_type} is protected: {'; '.join(plan.consequences)}"
                remedy = remedy or f"--confirm {plan.must_type} allows it"
        if refused and len(requests) > 1:
            for request in requests:
                async for part in self._done(phase, name, [request]):
                    yield part
        elif refused or self._rehearsal:
            yield Part(name, phase, plan, refused=refused, remedy=remedy)
        elif plan is not None:
            yield await self._run(phase, name, plan)

    async def _run(self, phase: Phase, name: str, plan: Plan) -> Part:
        ended: RunEvent | None = None
        try:
            async for event in self._operator.run(plan.asked, plan.fingerprint, plan.must_type):
                self._tell(plan, event)
                ended = event
        except OperationError as error:
            return Part(name, phase, plan, refused=str(error), remedy=error.remedy)
        return Part(name, phase, plan, ended)
