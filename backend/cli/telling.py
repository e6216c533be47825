"""What is told of a running change: readable lines, JSON lines, or a bar on a terminal."""

from __future__ import annotations

import contextlib
import sys
from typing import TYPE_CHECKING, Protocol

from backend.cli.output import write_json
from backend.model.plan import ENDS, Plan, RunEvent, RunState
from backend.report.plan import event_data

if TYPE_CHECKING:
    from types import TracebackType


class Teller(Protocol):
    """Tells each event as it comes. ``OSError`` from it means that nobody listens any more."""

    def tell(self, event: RunEvent) -> None:
        """Tell one event."""
        ...

    def remark(self, text: str) -> None:
        """Say something beside the events."""
        ...

    def __enter__(self) -> Teller: ...

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None: ...


def remark(text: str) -> None:
    """Say something beside what is printed, on standard error; nobody has to listen there."""
    with contextlib.suppress(OSError):
        sys.stderr.write(f"iovtop: {text}\n")
        sys.stderr.flush()


class _Lines:
    """What the tellers share."""

    def __init__(self, plan: Plan) -> None:
        self._plan = plan

    def remark(self, text: str) -> None:
        """Say something beside the events."""
        remark(text)

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        pass

    def _sentence(self, event: RunEvent) -> str:
        step = f"{event.step + 1}/{len(self._plan.steps)}"
        match event.state:
            case RunState.STARTED:
                return f"{step} {event.text}"
            case RunState.PROGRESS:
                return f"{step} {event.done} of {event.total}" if event.total else f"{step} {event.text}"
            case RunState.WAITING:
                where = f"pid {event.pid}, {event.wchan or 'kernel function hidden'}"
                return f"{step} in the kernel for {event.waited:.0f} s ({where}): {event.text}"
            case RunState.STEP_DONE:
                return f"{step} done: {event.text}" if event.text else f"{step} done"
        return f"{event.state.value}: {event.text}"


class PlainTeller(_Lines):
    """One readable line for each event."""

    def __enter__(self) -> PlainTeller:
        return self

    def tell(self, event: RunEvent) -> None:
        """Print the line."""
        sys.stdout.write(self._sentence(event) + "\n")
        sys.stdout.flush()


class JsonTeller(_Lines):
    """One JSON line for each event."""

    def __enter__(self) -> JsonTeller:
        return self

    def tell(self, event: RunEvent) -> None:
        """Print the line."""
        write_json(event_data(event))


class BarTeller(_Lines):
    """A bar for the step that is being made, and a line for each that was."""

    def __init__(self, plan: Plan) -> None:
        super().__init__(plan)
        # Imported here: no command but a change on a terminal needs it.
        from rich.console import Console
        from rich.progress import BarColumn, Progress, TextColumn, TimeElapsedColumn

        self._console = Console(highlight=False, markup=False, emoji=False)
        self._progress = Progress(
            BarColumn(24),
            TextColumn("{task.description}", markup=False),
            TimeElapsedColumn(),
            console=self._console,
            transient=True,
        )
        self._task = self._progress.add_task("", total=None)

    def __enter__(self) -> BarTeller:
        self._progress.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._progress.stop()

    def remark(self, text: str) -> None:
        """Say it above the bar."""
        self._console.print(text, soft_wrap=True)

    def tell(self, event: RunEvent) -> None:
        """Move the bar, or print the line above it."""
        sentence = self._sentence(event)
        if event.state in (RunState.STARTED, RunState.PROGRESS, RunState.WAITING):
            total = event.total or None
            self._progress.update(self._task, description=sentence, completed=event.done, total=total)
        else:
            if event.state in ENDS:
                self._progress.stop()
            self._console.print(sentence, soft_wrap=True)


def teller_for(plan: Plan, *, json: bool) -> Teller:
    """Return the teller that suits whoever listens."""
    if json:
        return JsonTeller(plan)
    return BarTeller(plan) if sys.stdout.isatty() else PlainTeller(plan)
