"""Every finding in full: what, why one can say so, and what to do about it."""

from __future__ import annotations

from collections.abc import Sequence

from rich.segment import Segment
from textual import events
from textual.app import ComposeResult

from backend.findings import Finding
from backend.model.severity import Severity
from backend.present.columns import Cell, Role
from backend.present.lines import Line, Section
from tui.layer import Layer
from tui.term.theming import Skin
from tui.widgets.cells import pad, shorten
from tui.widgets.detail_lines import Detail
from tui.widgets.detail_pane import DetailPane
from tui.widgets.line import LineWidget, Piece, key_pieces, title_pieces
from tui.widgets.picker import STEPS, Picker

_WORD = 10
"""Cells for the severity."""

_ROLES = {Severity.ERROR: Role.DANGER, Severity.WARNING: Role.WARNING, Severity.INFO: Role.MUTED}


class FindingsScreen(Layer[str | None]):
    """Ends with the subject that the operator wants to see, or None."""

    def __init__(self, skin: Skin, badge: Sequence[Piece], findings: Sequence[Finding]) -> None:
        super().__init__()
        self._skin = skin
        self._badge = tuple(badge)
        self._findings = findings

    def compose(self) -> ComposeResult:
        """A line, the findings, and all about the chosen one."""
        yield LineWidget(self._skin, "bar", id="findings-title")
        yield Picker(self._skin, self._findings, self._line)
        yield LineWidget(self._skin, "bar", id="findings-rule")
        pane = DetailPane(self._skin)
        pane.can_focus = False
        yield pane

    def on_mount(self) -> None:
        """Show the first."""
        notes = sum(finding.severity is Severity.INFO for finding in self._findings)
        grave = len(self._findings) - notes
        count = f"{grave} finding{'s' * (grave != 1)}{f', {notes} for information' if notes else ''}"
        title, keys = title_pieces(self._badge, count), key_pieces(("enter", "show it"), ("esc", "back"))
        self.query_one("#findings-title", LineWidget).say(title, keys)
        self._show()

    def on_resize(self) -> None:
        """Lay the lines out anew."""
        self.call_after_refresh(self.query_one(DetailPane).restyle)

    def on_key(self, event: events.Key) -> None:
        """Move, show the subject, or go back."""
        if event.key in STEPS:
            self.query_one(Picker).move(STEPS[event.key])
            self._show()
        elif event.key == "enter":
            self.dismiss(self._finding.subject)
        elif event.key in ("escape", "exclamation_mark", "h", "left"):
            self.dismiss(None)
        else:
            return
        event.stop()

    @property
    def _finding(self) -> Finding:
        chosen = self.query_one(Picker).chosen
        assert isinstance(chosen, Finding)
        return chosen

    def _line(self, finding: Finding, ground: str, width: int) -> list[Segment]:
        look = self._skin.look
        word = Segment(pad(f" {finding.severity}", _WORD), look.role(_ROLES[finding.severity], ground))
        text = shorten(finding.text, width - _WORD, self._skin.glyphs.ellipsis)
        return [word, Segment(text, look.part("base", ground))]

    def _show(self) -> None:
        finding = self._finding
        lines = (
            Line("evidence", Cell(finding.evidence)),
            Line("remedy", Cell(finding.remedy)),
            Line("rule", Cell(finding.rule, Role.MUTED)),
        )
        section = Section("", tuple(line for line in lines if line.value.text))
        self.query_one(DetailPane).show(Detail(finding.text, finding.severity.value, (section,)))
