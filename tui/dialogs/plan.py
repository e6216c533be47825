"""The plan of a change, before it is confirmed: steps, conditions as they stand, consequences, the way back."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from time import monotonic

from textual import events
from textual.app import ComposeResult
from textual.screen import ModalScreen

from backend.model.plan import Danger, Plan
from backend.ops.errors import OperationError
from backend.present.columns import Role
from backend.present.plans import DANGERS, broken, holding, impossible, undo_text
from tui.dialogs.panel import Panel, Words
from tui.layer import Layer
from tui.term.theming import Skin
from tui.widgets.cells import wrap

LookAgain = Callable[[], Awaitable[Plan]]
"""Makes the plan anew. Raises ``OperationError``."""

LOOK_AGAIN = 2.0
"""Seconds between two looks at whether the conditions still hold, at the least."""

REST = 4.0
"""So many times as long as the last look took, none is made: a large host is not read all the time."""

ARMED_AFTER = 1.0
"""Seconds for which a plan that disturbs somebody cannot be confirmed yet."""


@dataclass(frozen=True, slots=True)
class Confirmed:
    """A plan that the operator wants to be run, as it was seen."""

    plan: Plan
    typed: str


_ROLES = {
    Danger.REVERSIBLE: Role.GOOD,
    Danger.DISRUPTIVE: Role.WARNING,
    Danger.DESTRUCTIVE: Role.DANGER,
}


class PlanScreen(Layer[Confirmed | None], ModalScreen[Confirmed | None]):
    """Ends with the confirmed plan, or None. The focus is on Cancel; no key goes on to what lies below.

    The plan is made anew every two seconds while it is looked at: what is confirmed is what is seen.
    """

    DEFAULT_CSS = """
    PlanScreen { align: center middle; }
    PlanScreen Panel { background: $surface; }
    """

    def __init__(self, skin: Skin, plan: Plan, again: LookAgain, copy: Callable[[str], None]) -> None:
        super().__init__()
        self._panel = Panel(skin)
        self._again = again
        self._plan = plan
        self._copy = copy
        self._on_run = False
        self._typed = ""
        self._shell = False
        self._note = ""
        self._failed = False
        """Whether the note is that the host could not be planned for."""
        self._seen_at = monotonic()
        self._looking = False
        self._next_look = 0.0

    def compose(self) -> ComposeResult:
        """The panel."""
        yield self._panel

    def on_mount(self) -> None:
        """Write it, and look again from time to time."""
        self._panel.focus()
        self._write()
        self.set_interval(LOOK_AGAIN, self._look_again)
        self.set_timer(ARMED_AFTER, self._write)

    def on_resize(self) -> None:
        """Write it anew."""
        self._write()

    @property
    def _armed(self) -> bool:
        """Whether the plan has been in sight for long enough."""
        return self._plan.danger is Danger.REVERSIBLE or monotonic() - self._seen_at >= ARMED_AFTER

    def _look_again(self) -> None:
        if not self._looking and monotonic() >= self._next_look:
            self._looking = True
            self.run_worker(self._replan(), exclusive=False)

    async def _replan(self) -> None:
        began = monotonic()
        try:
            plan = await self._again()
        except OperationError as error:
            self._failed, self._note = True, error.told
        else:
            if self._failed:
                self._failed, self._note = False, ""
            if plan.fingerprint != self._plan.fingerprint:
                self._note = "the host has changed: this is the plan as it is now"
                self._seen_at = monotonic()
                self._on_run = False
                self.set_timer(ARMED_AFTER, self._write)
            self._plan = plan
        finally:
            self._looking = False
            self._next_look = monotonic() + REST * (monotonic() - began)
        self._write()

    def on_key(self, event: events.Key) -> None:
        """Read, confirm or leave."""
        event.stop()
        event.prevent_default()
        plan = self._plan
        steps = {"down": 1, "up": -1, "pagedown": 10, "pageup": -10}
        if event.key in ("escape", "ctrl+c"):
            self.dismiss(None)
        elif event.key in steps:
            self._panel.scroll(steps[event.key])
        elif plan.must_type and plan.ready and self._type(event):
            self._write()
        elif event.key in ("tab", "left", "right", "shift+tab"):
            self._on_run = not self._on_run and plan.ready and bool(plan.steps)
            self._write()
        elif event.key == "enter":
            self._confirm() if self._on_run else self.dismiss(None)
        elif event.key == "y" and plan.danger is Danger.REVERSIBLE:
            self._on_run = True
            self._confirm()
        elif event.key == "s":
            self._shell = not self._shell
            self._write()
        elif event.key == "c":
            self._copy("\n".join(step.shell for step in plan.steps))

    def _type(self, event: events.Key) -> bool:
        """Take a key for what must be typed. Returns whether it was meant for that."""
        if event.key == "backspace":
            self._typed = self._typed[:-1]
        elif event.character is not None and event.is_printable and event.key != "tab":
            self._typed = (self._typed + event.character)[:40]
        else:
            return False
        return True

    def _confirm(self) -> None:
        plan = self._plan
        if not plan.ready or not plan.steps or not self._armed:
            return
        if plan.must_type and self._typed != plan.must_type:
            self._note = f"type {plan.must_type} in full first"
            self._write()
            return
        self.dismiss(Confirmed(plan, self._typed))

    # ---- drawing

    def _write(self) -> None:
        panel, plan = self._panel, self._plan
        width = panel.width_for(self.size.width)
        lines: list[Words] = [[panel.part(line, "dialog-title")] for line in wrap(plan.title, width)]
        if not plan.ready:
            lines.append([panel.role(impossible(plan), Role.DANGER)])
            lines += self._objections(width)
        elif plan.steps:
            lines.append([panel.role(f"{plan.danger.value}: {DANGERS[plan.danger]}", _ROLES[plan.danger])])
        if plan.steps:
            lines += self._undo(width)
        if plan.unseen:
            lines += panel.paragraph("not seen on a real kernel: only on the simulated host", width, role=Role.WARNING)
        lines += self._consequences(width) + self._steps(width) + self._conditions(width)
        foot: list[Words] = []
        if plan.must_type and plan.ready:
            foot.append([
                panel.part(f"type {plan.must_type} to do it: ", "bar"), panel.part(f" {self._typed}_ ", "button-here"),
            ])  # fmt: skip
        if self._note:
            foot += panel.paragraph(self._note, width, role=Role.WARNING)
        panel.show(lines, [*foot, *self._buttons()])

    def _objections(self, width: int) -> list[Words]:
        panel, glyphs = self._panel, self._panel.skin.glyphs
        lines: list[Words] = []
        for objection, remedy in broken(self._plan.conditions):
            lines += panel.paragraph(objection, width, lead=f"{glyphs.warning} ", role=Role.DANGER)
            if remedy:
                lines += panel.paragraph(remedy, width, lead=f"  {glyphs.arrow} ", role=Role.MUTED)
        return lines

    def _undo(self, width: int) -> list[Words]:
        plan = self._plan
        if plan.danger is Danger.REVERSIBLE and plan.undo and not plan.no_undo and not plan.broken:
            return []  # the line above says so
        return self._panel.paragraph(undo_text(plan), width, lead="undo: ")

    def _consequences(self, width: int) -> list[Words]:
        lines: list[Words] = []
        for text in self._plan.consequences:
            lines += self._panel.paragraph(text, width, lead=f"{self._panel.skin.glyphs.separator} ")
        return [[], self._heading("Consequences"), *lines] if lines else []

    def _conditions(self, width: int) -> list[Words]:
        panel, lines = self._panel, list[Words]()
        for text in holding(self._plan.conditions):
            lines += panel.paragraph(text, width, lead=f"{panel.skin.glyphs.marked} ", role=Role.GOOD)
        return [[], self._heading("Conditions that hold"), *lines] if lines else []

    def _steps(self, width: int) -> list[Words]:
        panel, glyphs = self._panel, self._panel.skin.glyphs
        if not self._plan.steps:
            return [[], self._heading("Nothing to do"), *panel.paragraph("the host is in that state already", width)]
        lines: list[Words] = [[], self._heading("Steps, as shell commands" if self._shell else "Steps")]
        for number, step in enumerate(self._plan.steps, 1):
            if self._shell:
                lines += panel.paragraph(step.shell, width)
                continue
            lines += panel.paragraph(step.text, width, lead=f"{number:2} ", role=Role.ID)
            change = f"{step.old or glyphs.none} {glyphs.arrow} {step.new or glyphs.none}"
            lines += panel.paragraph(f"{step.where}  {change}", width, lead="   ", role=Role.MUTED)
        return lines

    def _heading(self, text: str) -> Words:
        return [self._panel.part(text, "heading-bar")]

    def _buttons(self) -> list[Words]:
        panel, plan = self._panel, self._plan
        keys: list[tuple[str, str]] = [("s", "steps as shell" if not self._shell else "steps as words"), ("c", "copy")]
        cancel = panel.part(" Cancel ", "button" if self._on_run else "button-here")
        if not plan.steps or not plan.ready:
            return [[cancel], panel.keys(*keys, ("esc", "back"))]
        run = "button-danger" if self._on_run else "button"
        words = " Do it " if self._armed else " Do it … " if self._panel.skin.glyphs.name != "ascii" else " Do it ... "
        if plan.danger is Danger.REVERSIBLE:
            keys.insert(0, ("y", "do it"))
        return [[cancel, panel.part("  ", "bar"), panel.part(words, run)], panel.keys(("tab", "other button"), *keys)]
