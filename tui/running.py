"""A plan that is being run: what is known of it, whether somebody looks or not."""

from __future__ import annotations

from time import monotonic

from backend.model.plan import ENDS, Plan, RunEvent, RunState
from backend.ops.errors import OperationError
from tui.writing import Writing


class Running:
    """One plan on its way.

    Args:
        undoes: the operation that this one takes back.

    Attributes:
        states: the last event of each step that was begun.
        took: seconds that each step took which was done.
        cancelled: whether no further step is wanted.
        end: the last event; None while it goes on.
    """

    def __init__(self, writing: Writing, plan: Plan, typed: str, undoes: int | None = None) -> None:
        self.plan = plan
        self.states: dict[int, RunEvent] = {}
        self.took: dict[int, float] = {}
        self.cancelled = False
        self.end: RunEvent | None = None
        self._writing = writing
        self._typed = typed
        self._undoes = undoes
        self._step_began = monotonic()

    async def run(self) -> RunEvent:
        """Run it to its end, which is returned."""
        try:
            async for event in self._writing.run(self.plan, self._typed, self._undoes):
                self._take(event)
        except OperationError as error:
            self._take(RunEvent(RunState.ABORTED, text=str(error), remedy=error.remedy))
        if self.end is None:
            self._take(RunEvent(RunState.ABORTED, text="it was left before its end", remedy="see the journal"))
        assert self.end is not None
        return self.end

    def _take(self, event: RunEvent) -> None:
        if event.state is RunState.STARTED:
            self._step_began = monotonic()
        if event.state is RunState.STEP_DONE:
            self.took[event.step] = self.elapsed
        if event.state in ENDS:
            self.end = event
        if event.step >= 0:
            self.states[event.step] = event

    @property
    def elapsed(self) -> float:
        """Seconds since the step that is being made began."""
        return monotonic() - self._step_began

    @property
    def stuck(self) -> bool:
        """Whether a step does not come back from the kernel."""
        return any(event.state is RunState.WAITING for event in self.states.values())

    @property
    def words(self) -> str:
        """How far it is, in one line."""
        step = max(self.states, default=0)
        count = len(self.plan.steps)
        state = self.states.get(step)
        how = f", {state.done} of {state.total}" if state is not None and state.total else ""
        stuck = ": stuck in the kernel" if self.stuck else ""
        what = self.plan.steps[step].text if step < count else self.plan.title
        return f"step {step + 1} of {count}: {what}{how}, {self.elapsed:.0f} s{stuck}"

    def cancel(self) -> None:
        """Make no further step."""
        self.cancelled = True
        self._writing.cancel()

    def leave(self) -> None:
        """Wait no longer for what is stuck."""
        self._writing.leave()
