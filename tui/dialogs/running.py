"""A plan that is being run: every step, how far it is, and what came of it."""

from __future__ import annotations

from textual import events
from textual.app import ComposeResult
from textual.screen import ModalScreen

from backend.model.plan import ENDS, RunEvent, RunState
from backend.present.columns import Role
from tui.dialogs.panel import Panel, Words
from tui.layer import Layer
from tui.running import Running
from tui.term.theming import Skin
from tui.widgets.cells import wrap

BEAT = 0.25
"""Seconds between two looks at the time."""

_BAR = 24

_ROLES = {
    RunState.DONE: Role.GOOD,
    RunState.ABORTED: Role.WARNING,
    RunState.FAILED: Role.DANGER,
    RunState.STUCK: Role.DANGER,
}


class RunScreen(Layer[RunEvent | None], ModalScreen[RunEvent | None]):
    """Ends with the last event when the operator has seen it; with None when it goes on in the background."""

    DEFAULT_CSS = """
    RunScreen { align: center middle; }
    RunScreen Panel { background: $surface; }
    """

    def __init__(self, skin: Skin, running: Running) -> None:
        super().__init__()
        self._panel = Panel(skin)
        self._change = running
        self._shown_end = False

    def compose(self) -> ComposeResult:
        """The panel."""
        yield self._panel

    def on_mount(self) -> None:
        """Begin to look."""
        self._panel.focus()
        self._write()
        self.set_interval(BEAT, self._beat)

    def on_resize(self) -> None:
        """Write it anew."""
        self._write()

    def _beat(self) -> None:
        if not self._shown_end:
            self._shown_end = self._change.end is not None
            self._write()

    def on_key(self, event: events.Key) -> None:
        """Read, cancel, or leave. No key goes on to what lies below."""
        event.stop()
        event.prevent_default()
        steps = {"down": 1, "up": -1, "j": 1, "k": -1, "pagedown": 10, "pageup": -10}
        running = self._change
        if event.key in steps:
            self._panel.scroll(steps[event.key])
        elif running.end is not None and event.key in ("enter", "escape", "q"):
            self.dismiss(running.end)
        elif running.end is None and event.key in ("escape", "ctrl+c"):
            running.cancel()
            self._write()
        elif running.end is None and event.key == "b":
            self.dismiss(None)
        elif running.end is None and event.key == "l" and running.stuck:
            running.leave()

    # ---- drawing

    def _write(self) -> None:
        panel = self._panel
        width = panel.width_for(self.size.width)
        lines: list[Words] = [[panel.part(line, "dialog-title")] for line in wrap(self._change.plan.title, width)]
        lines.append([])
        for number in range(len(self._change.plan.steps)):
            lines += self._step(number, width)
        panel.show(lines, self._verdict(width))

    def _step(self, number: int, width: int) -> list[Words]:
        panel, glyphs, step = self._panel, self._panel.skin.glyphs, self._change.plan.steps[number]
        event = self._change.states.get(number)
        if event is None:
            return panel.paragraph(step.text, width, lead=f"{glyphs.separator} ", role=Role.MUTED)
        if event.state is RunState.STEP_DONE:
            return panel.paragraph(
                f"{step.text}  {self._change.took[number]:.1f} s", width, lead=f"{glyphs.marked} ", role=Role.GOOD
            )
        if event.state in ENDS:
            role = _ROLES[event.state]
            return panel.paragraph(step.text, width, lead=f"{glyphs.warning} ", role=role)
        elapsed = self._change.elapsed
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
        panel, glyphs, end = self._panel, self._panel.skin.glyphs, self._change.end
        if end is None:
            if self._change.stuck:
                keys = panel.keys(("l", "leave it: it goes on in the kernel"), ("b", "to the background"))
                return [*panel.paragraph("it cannot be cancelled now", width, role=Role.WARNING), keys]
            words = "no further step will be made; this one cannot be cancelled" if self._change.cancelled else ""
            lines = panel.paragraph(words, width, role=Role.WARNING) if words else []
            return [*lines, panel.keys(("esc", "stop after this step"), ("b", "to the background"))]
        role = _ROLES[end.state]
        lines = panel.paragraph(f"{end.state}: {end.text}", width, role=role)
        if end.remedy:
            lines += panel.paragraph(end.remedy, width, lead=f"  {glyphs.arrow} ", role=Role.TEXT)
        return [*lines, [], panel.keys(("enter", "back"))]
