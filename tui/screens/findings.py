"""Every finding in full: what, why one can say so, and what to do about it."""

from __future__ import annotations

from collections.abc import Sequence

from rich.segment import Segment
from textual import events
from textual.app import ComposeResult
from textual.screen import Screen
from textual.strip import Strip
from textual.widget import Widget

from backend.findings import Finding
from backend.model.host import Severity
from backend.present.columns import Cell, Role
from backend.present.lines import Line, Section
from tui.term.theming import Skin
from tui.widgets.cells import pad, shorten
from tui.widgets.detail_lines import Detail
from tui.widgets.detail_pane import DetailPane
from tui.widgets.line import LineWidget, Piece

_ROLES = {Severity.ERROR: Role.DANGER, Severity.WARNING: Role.WARNING, Severity.INFO: Role.MUTED}
_STEPS = {"j": 1, "down": 1, "k": -1, "up": -1, "pagedown": 10, "pageup": -10, "g": -(10**6), "G": 10**6}


class FindingList(Widget):
    """One line for each finding, the gravest first."""

    DEFAULT_CSS = "FindingList { height: 2fr; width: 1fr; }"

    def __init__(self, skin: Skin, findings: Sequence[Finding]) -> None:
        super().__init__()
        self._skin = skin
        self._findings = findings
        self._top = 0
        self.chosen = 0

    def move(self, rows: int) -> None:
        """Go to another finding, keeping it in sight."""
        self.chosen = max(0, min(self.chosen + rows, len(self._findings) - 1))
        height = max(1, self.size.height)
        self._top = max(self.chosen - height + 1, min(self._top, self.chosen))
        self.refresh()

    def on_resize(self) -> None:
        """Keep the chosen finding in sight."""
        self.move(0)

    def render_line(self, y: int) -> Strip:
        """Draw line ``y``."""
        look, width, number = self._skin.look, self.size.width, self._top + y
        if number >= len(self._findings):
            return Strip.blank(width, look.base)
        finding, here = self._findings[number], number == self.chosen
        ground = "cursor" if here else ""
        bar = Segment(self._skin.glyphs.cursor if here else " ", look.part("cursor-bar", ground))
        word = Segment(pad(f" {finding.severity}", 10), look.role(_ROLES[finding.severity], ground))
        text = shorten(finding.text, width - 11, self._skin.glyphs.ellipsis)
        strip = Strip([bar, word, Segment(text, look.part("base", ground))])
        return strip.adjust_cell_length(width, look.part("base", ground))


class FindingsScreen(Screen[str | None]):
    """Ends with the subject that the operator wants to see, or None."""

    def __init__(self, skin: Skin, badge: Sequence[Piece], findings: Sequence[Finding]) -> None:
        super().__init__()
        self._skin = skin
        self._badge = tuple(badge)
        self._findings = findings

    def compose(self) -> ComposeResult:
        """A line, the findings, and all about the chosen one."""
        yield LineWidget(self._skin, "bar", id="findings-title")
        yield FindingList(self._skin, self._findings)
        yield LineWidget(self._skin, "bar", id="findings-rule")
        pane = DetailPane(self._skin)
        pane.can_focus = False
        yield pane

    def on_mount(self) -> None:
        """Show the first."""
        notes = sum(finding.severity is Severity.INFO for finding in self._findings)
        grave = len(self._findings) - notes
        count = f" {grave} finding{'s' * (grave != 1)}{f', {notes} for information' if notes else ''} "
        title = [*self._badge, Piece(" iovtop ", "brand", 3), Piece(count, "hostname", 1)]
        keys = [("enter", "show it"), ("esc", "back")]
        pieces = [
            piece for key, word in keys for piece in (Piece(f" {key} ", "key", 4), Piece(f"{word} ", "key-text", 4))
        ]
        self.query_one("#findings-title", LineWidget).say(title, pieces)
        self._show()

    def on_resize(self) -> None:
        """Lay the lines out anew."""
        self.call_after_refresh(self.query_one(DetailPane).restyle)

    def on_key(self, event: events.Key) -> None:
        """Move, show the subject, or go back."""
        if event.key in _STEPS:
            self.query_one(FindingList).move(_STEPS[event.key])
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
        return self._findings[self.query_one(FindingList).chosen]

    def _show(self) -> None:
        finding = self._finding
        lines = (
            Line("evidence", Cell(finding.evidence)),
            Line("remedy", Cell(finding.remedy)),
            Line("rule", Cell(finding.rule, Role.MUTED)),
        )
        section = Section("", tuple(line for line in lines if line.value.text))
        self.query_one(DetailPane).show(Detail(finding.text, finding.severity.value, (section,)))
