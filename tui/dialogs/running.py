"""A plan that is being run: every step, how far it is, and what came of it."""

from __future__ import annotations

from time import monotonic

from textual import events
from textual.app import ComposeResult
from textual.screen import ModalScreen

from backend.model.plan import ENDS, Plan, RunEvent, RunState
from backend.ops.errors import OperationError
from backend.present.columns import Role
from tui.dialogs.panel import Panel, Words
from tui.dialogs.plan import Confirmed
from tui.term.theming import Skin
from tui.widgets.cells import wrap
from tui.writing import Writing

BEAT = 0.25
"""Seconds between two looks at the time."""

_BAR = 24

_ROLES = {
    RunState.DONE: Role.GOOD,
    RunState.ABORTED: Role.WARNING,
    RunState.FAILED: Role.DANGER,
    RunState.STUCK: Role.DANGER,
}


class RunScreen(ModalScreen[RunEvent | None]):
    """Ends with the last event when the operator has seen it. It cannot be left while a step is being made.

    Args:
        undoes: the operation that this one takes back.
    """

    DEFAULT_CSS = """
    RunScreen { align: center middle; }
    RunScreen Panel { background: $surface; }
    """

    def __init__(self, skin: Skin, writing: Writing, confirmed: Confirmed, undoes: int | None = None) -> None:
        super().__init__()
        self._panel = Panel(skin)
        self._writing = writing
        self._plan: Plan = confirmed.plan
        self._typed = confirmed.typed
        self._undoes = undoes
        self._began = monotonic()
        self._step_began = monotonic()
        self._states: dict[int, RunEvent] = {}
        self._took: dict[int, float] = {}
        self._cancelled = False
        self._end: RunEvent | None = None

    def compose(self) -> ComposeResult:
        """The panel."""
        yield self._panel

    def on_mount(self) -> None:
        """Begin."""
        self._panel.focus()
        self._write()
        self.set_interval(BEAT, self._beat)
        self.run_worker(self._run())

    def on_resize(self) -> None:
        """Write it anew."""
        self._write()

    def _beat(self) -> None:
        if self._end is None:
            self._write()

    async def _run(self) -> None:
        try:
            async for event in self._writing.run(self._plan, self._typed, self._undoes):
                self._take(event)
        except OperationError as error:
            self._take(RunEvent(RunState.ABORTED, text=str(error), remedy=error.remedy))

    def _take(self, event: RunEvent) -> None:
        if event.state is RunState.STARTED:
            self._step_began = monotonic()
        if event.state is RunState.STEP_DONE:
            self._took[event.step] = monotonic() - self._step_began
        if event.state in ENDS:
            self._end = event
        if event.step >= 0:
            self._states[event.step] = event
        self._write()

    @property
    def _stuck(self) -> bool:
        return any(event.state is RunState.WAITING for event in self._states.values())

    def on_key(self, event: events.Key) -> None:
        """Read, cancel, or leave when it has ended. No key goes on to what lies below."""
        event.stop()
        event.prevent_default()
        steps = {"down": 1, "up": -1, "j": 1, "k": -1, "pagedown": 10, "pageup": -10}
        if event.key in steps:
            self._panel.scroll(steps[event.key])
        elif self._end is not None and event.key in ("enter", "escape", "q"):
            self.dismiss(self._end)
        elif self._end is None and event.key in ("escape", "ctrl+c"):
            self._cancelled = True
            self._writing.cancel()
            self._write()
        elif self._end is None and event.key == "l" and self._stuck:
            self._writing.leave()

    # ---- drawing

    def _write(self) -> None:
        panel = self._panel
        width = panel.width_for(self.size.width)
        lines: list[Words] = [[panel.part(line, "dialog-title")] for line in wrap(self._plan.title, width)]
        lines.append([])
        for number in range(len(self._plan.steps)):
            lines += self._step(number, width)
        panel.show(lines, self._verdict(width))

    def _step(self, number: int, width: int) -> list[Words]:
        panel, glyphs, step = self._panel, self._panel.skin.glyphs, self._plan.steps[number]
        event = self._states.get(number)
        if event is None:
            return panel.paragraph(step.text, width, lead=f"{glyphs.separator} ", role=Role.MUTED)
        if event.state is RunState.STEP_DONE:
            return panel.paragraph(
                f"{step.text}  {self._took[number]:.1f} s", width, lead=f"{glyphs.marked} ", role=Role.GOOD
            )
        if event.state in ENDS:
            role = _ROLES[event.state]
            return panel.paragraph(step.text, width, lead=f"{glyphs.warning} ", role=role)
        elapsed = monotonic() - self._step_began
        lines = panel.paragraph(f"{step.text}  {elapsed:.0f} s", width, lead=f"{glyphs.closed} ", role=Role.ID)
        if event.total:
            full = _BAR * event.done // event.total
            done, rest = ("#", ".") if glyphs.name == "ascii" else ("█", "░")
            bar = f"{done * full}{rest * (_BAR - full)} {event.done} of {event.total}"
            lines.append([panel.part("  ", "bar"), panel.role(bar, Role.TEXT)])
        if event.state is RunState.WAITING:
            where = f"stuck in the kernel for {event.waited:.0f} s: pid {event.pid}, {event.wchan or 'function hidden'}"
            lines += panel.paragraph(where, width, lead="  ", role=Role.DANGER)
            lines += panel.paragraph(event.text, width, lead="  ", role=Role.WARNING)
        return lines

    def _verdict(self, width: int) -> list[Words]:
        panel, glyphs, end = self._panel, self._panel.skin.glyphs, self._end
        if end is None:
            if self._stuck:
                keys = panel.keys(("l", "leave it: it goes on in the kernel"))
                return [*panel.paragraph("it cannot be cancelled now", width, role=Role.WARNING), keys]
            words = "no further step will be made; this one cannot be cancelled" if self._cancelled else ""
            lines = panel.paragraph(words, width, role=Role.WARNING) if words else []
            return [*lines, panel.keys(("esc", "stop after this step"))]
        role = _ROLES[end.state]
        lines = panel.paragraph(f"{end.state}: {end.text}", width, role=role)
        if end.remedy:
            lines += panel.paragraph(end.remedy, width, lead=f"  {glyphs.arrow} ", role=Role.TEXT)
        return [*lines, [], panel.keys(("enter", "back"))]
