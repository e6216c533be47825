"""The journal: every change, who asked for it, what was done, how it ended."""

from __future__ import annotations

import time
from collections.abc import Sequence

from rich.segment import Segment
from textual import events
from textual.app import ComposeResult

from backend.model.operation import Entry
from backend.model.plan import RunState
from backend.present.columns import Cell, Role
from backend.present.lines import Line, Section
from tui.layer import Layer
from tui.term.theming import Skin
from tui.widgets.cells import pad, shorten
from tui.widgets.detail_lines import Detail
from tui.widgets.detail_pane import DetailPane
from tui.widgets.line import LineWidget, Piece, key_pieces, title_pieces
from tui.widgets.picker import STEPS, Picker

_WORD = 12
"""Cells for how it ended."""

_ROLES = {RunState.DONE: Role.GOOD, RunState.ABORTED: Role.WARNING}


def ended_word(entry: Entry) -> str:
    """Return how an operation ended, in a word."""
    return entry.ended.value if entry.ended is not None else "not ended"


class JournalScreen(Layer[Entry | None]):
    """Ends with the operation that the operator wants to take back, or None."""

    def __init__(self, skin: Skin, badge: Sequence[Piece], entries: Sequence[Entry]) -> None:
        super().__init__()
        self._skin = skin
        self._badge = tuple(badge)
        self._entries = tuple(reversed(entries))

    def compose(self) -> ComposeResult:
        """A line, the operations, and all about the chosen one."""
        yield LineWidget(self._skin, "bar", id="journal-title")
        yield Picker(self._skin, self._entries, self._line)
        yield LineWidget(self._skin, "bar", id="journal-rule")
        pane = DetailPane(self._skin)
        pane.can_focus = False
        yield pane

    def on_mount(self) -> None:
        """Show the newest."""
        count = len(self._entries)
        words = f"{count} operation{'s' * (count != 1)}" if count else "nothing was changed yet"
        title, keys = title_pieces(self._badge, words), key_pieces(("z", "take it back"), ("esc", "back"))
        self.query_one("#journal-title", LineWidget).say(title, keys)
        self._show()

    def on_resize(self) -> None:
        """Lay the lines out anew."""
        self.call_after_refresh(self.query_one(DetailPane).restyle)

    def on_key(self, event: events.Key) -> None:
        """Move, take back, or leave."""
        if event.key in STEPS:
            self.query_one(Picker).move(STEPS[event.key])
            self._show()
        elif event.key == "z" and self._entry is not None and self._entry.plan.undo and self._entry.steps:
            self.dismiss(self._entry)
        elif event.key in ("escape", "L", "h", "left"):
            self.dismiss(None)
        else:
            return
        event.stop()

    @property
    def _entry(self) -> Entry | None:
        chosen = self.query_one(Picker).chosen
        assert chosen is None or isinstance(chosen, Entry)
        return chosen

    def _line(self, entry: Entry, ground: str, width: int) -> list[Segment]:
        look = self._skin.look
        when = time.strftime("%Y-%m-%d %H:%M:%S", time.localtime(entry.began))
        lead = f" {entry.operation:4} {when}  "
        role = _ROLES.get(entry.ended, Role.DANGER) if entry.ended is not None else Role.DANGER
        return [
            Segment(lead, look.role(Role.MUTED, ground)),
            Segment(pad(ended_word(entry), _WORD), look.role(role, ground)),
            Segment(
                shorten(entry.plan.title, width - len(lead) - _WORD, self._skin.glyphs.ellipsis),
                look.part("base", ground),
            ),
        ]

    def _show(self) -> None:
        entry = self._entry
        self.query_one(DetailPane).show(entry_detail(entry) if entry is not None else None)


def entry_detail(entry: Entry) -> Detail:
    """Return everything that the journal keeps of an operation."""
    who = entry.who
    login = f"login uid {who.login_uid}" if who.login_uid is not None else ""
    people = ", ".join(part for part in (who.user, f"sudo by {who.sudo_user}" * bool(who.sudo_user), login) if part)
    facts = (
        Line("ended", Cell(ended_word(entry)), entry.text),
        Line("who", Cell(people or str(who.uid))),
        Line("from", Cell(who.ssh_client or who.terminal or "here")),
        Line("took", Cell(f"{entry.duration:.1f} s" if entry.ended is not None else "")),
        Line("takes back", Cell(f"operation {entry.undoes}" if entry.undoes is not None else "")),
    )
    done = {record.step: record for record in entry.steps}
    steps = []
    for number, step in enumerate(entry.plan.steps):
        record = done.get(number)
        state = "not made" if record is None else record.found if record.found is not None else "not known to be done"
        steps.append(Line(str(number + 1), Cell(step.text), f"{step.where}  {step.old} → {step.new}; {state}"))
    sections = (Section("", tuple(line for line in facts if line.value.text)), Section("Steps", tuple(steps)))
    return Detail(entry.plan.title, f"operation {entry.operation}", sections)
