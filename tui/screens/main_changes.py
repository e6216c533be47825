"""What the keys of the first screen do to the host: write mode, changes, undo, the journal."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from backend.model.operation import Entry
from backend.model.plan import Asked, RunEvent, RunState
from backend.model.text import clean
from backend.ops.errors import OperationError
from tui.changes import CHANGES
from tui.dialogs.form import FormScreen
from tui.dialogs.plan import Confirmed, PlanScreen
from tui.dialogs.running import RunScreen
from tui.running import Running
from tui.screens.journal import JournalScreen
from tui.screens.main_keys import MainKeys
from tui.widgets.header import badge


class MainChanges(MainKeys):
    """The actions that change the host. Each goes through a plan that is looked at and confirmed."""

    running: Running | None = None
    """The change that was made last, or is being made."""

    async def action_write(self) -> None:
        """Switch write mode on, or off."""
        if self.writing.running:
            self.bar.message("a change is being made: R shows it, esc there stops it", warning=True)
            return
        try:
            if self.writing.on:
                await self.writing.switch_off()
                self.bar.message("read-only again")
            else:
                await self.writing.switch_on()
                said = self.writing.warning or "x lists the changes of a row; W is read-only again"
                self.bar.message(f"write mode: {said}", warning=bool(self.writing.warning))
        except OperationError as error:
            self.say_error(error)
        self.beat()

    def end_idle_writing(self) -> None:
        """Become read-only when nobody has wanted a change for a while."""
        if self.writing.idle:
            self.run_worker(self.action_write())

    def action_change(self, verb: str) -> None:
        """Ask for a change of the marked rows, or of the one under the cursor."""
        host = self.viewing.host
        rows = self.chosen_rows()
        if host is None or not rows:
            return
        change = CHANGES[verb]
        refusals = [reason for row in rows if (reason := change.why_not(host, row.subject))]
        if refusals:
            self.bar.message(refusals[0], warning=True)
            return
        form = change.form(host, rows[0].subject)

        def filled(values: Mapping[str, str] | None) -> None:
            if values is not None:
                asked = [request for row in rows for request in change.requests(host, row.subject, values)]
                requests = [request for number, request in enumerate(asked) if request not in asked[:number]]
                self.run_worker(self._plan(requests))

        if form.fields:
            self.app.push_screen(FormScreen(self.skin, form), filled)
        else:
            filled({})

    async def _plan(self, requests: Sequence[Asked], undoes: int | None = None) -> None:
        try:
            plan = await self.writing.plan(requests)
        except OperationError as error:
            self.say_error(error)
            return

        def confirmed(answer: Confirmed | None) -> None:
            if answer is not None:
                self.running = Running(self.writing, answer.plan, answer.typed, undoes)
                self.run_worker(self._run(self.running))
                self.action_running()

        again = lambda: self.writing.plan(plan.asked)  # noqa: E731
        self.app.push_screen(PlanScreen(self.skin, plan, again, self.copy), confirmed)

    async def _run(self, running: Running) -> None:
        """Run a plan; its end is told here when nobody looks at it."""
        end = await running.run()
        if not isinstance(self.app.screen, RunScreen):
            self._ended(end)
        self.say_running()

    def action_running(self) -> None:
        """Show the change that is being made."""
        if self.running is None or self.running.end is not None:
            self.bar.message("no change is being made; L shows those that were")
        else:
            self.jobs.say("")
            self.app.push_screen(RunScreen(self.skin, self.running), self._ended)

    def say_running(self) -> None:
        """Say below the tree how far a change is that goes on in the background."""
        running = self.running
        if running is not None and not isinstance(self.app.screen, RunScreen):
            self.jobs.say(f"{running.words}; R shows it" if running.end is None else "")

    def _ended(self, event: RunEvent | None) -> None:
        if event is None:
            self.say_running()
        else:
            done = event.state is RunState.DONE
            self.bar.message(clean(f"{event.state}: {event.text}", 300), warning=not done)

    def say_error(self, error: OperationError) -> None:
        """Say why there is no plan."""
        self.bar.message(clean(error.told, 300), warning=True)

    async def action_undo_change(self) -> None:
        """Plan the way back from the last change that can be taken back."""
        try:
            entries = await self.writing.log()
        except OperationError as error:
            self.say_error(error)
            return
        entry = last_to_undo(entries)
        if entry is None:
            self.bar.message("nothing to undo")
            return
        await self._plan(entry.plan.undo, entry.operation)

    async def action_journal(self) -> None:
        """Show what was changed, by whom, and how it ended."""
        try:
            entries = await self.writing.log()
        except OperationError as error:
            self.say_error(error)
            return
        host = self.viewing.host
        screen = JournalScreen(self.skin, badge(host) if host is not None else (), entries)
        self.app.push_screen(screen, self._from_journal)

    def _from_journal(self, entry: Entry | None) -> None:
        if entry is not None:
            self.run_worker(self._plan(entry.plan.undo, entry.operation))


def last_to_undo(entries: Sequence[Entry]) -> Entry | None:
    """Return the last operation that was done and can be taken back, has not been, and takes none back itself."""
    undone = {entry.undoes for entry in entries if entry.undoes is not None and entry.ended is RunState.DONE}
    for entry in reversed(entries):
        if can_undo(entry) and entry.operation not in undone and entry.undoes is None:
            return entry
    return None


def can_undo(entry: Entry) -> bool:
    """Return whether something of an operation was done, and there is a way back."""
    return bool(entry.steps and entry.plan.undo) and entry.ended not in (None, RunState.STUCK)
