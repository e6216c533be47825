"""The lines below the tree that say how a change and migrations go on. None when there is none."""

from __future__ import annotations

from collections.abc import Sequence

from rich.segment import Segment
from textual.strip import Strip
from textual.widget import Widget

from backend.model.job import Job, JobState
from backend.present.columns import Role
from backend.present.evacuating import Evacuation, evacuation_bar
from backend.present.jobs import job_title, strip_words
from tui.term.theming import Skin
from tui.widgets.cells import shorten

MOST = 3
"""Jobs that have a line."""


class JobsStrip(Widget):
    """A line for the change in the background, one for each evacuation and each job, and how many more there are."""

    DEFAULT_CSS = "JobsStrip { height: auto; width: 1fr; display: none; } JobsStrip.-some { display: block; }"
    ALLOW_SELECT = False

    def __init__(self, skin: Skin, *, id: str | None = None) -> None:
        super().__init__(id=id)
        self._skin = skin
        self._change: tuple[tuple[tuple[str, Role], ...], ...] = ()
        self._jobs: tuple[tuple[tuple[str, Role], ...], ...] = ()
        self._lines: tuple[tuple[tuple[str, Role], ...], ...] = ()

    @property
    def text(self) -> str:
        """What it says, without looks."""
        return "\n".join("".join(text for text, _ in line) for line in self._lines)

    def show(self, jobs: Sequence[tuple[Job, JobState]], evacuations: Sequence[Evacuation] = ()) -> None:
        """Show how these go on. Nothing is painted while that stays the same."""
        ascii_only = self._skin.glyphs.name == "ascii"
        lines: list[tuple[tuple[str, Role], ...]] = []
        for found in evacuations:
            title = f" evacuate {self._skin.glyphs.arrow} {found.place}  "
            words = evacuation_bar(found, ascii_only=ascii_only)
            lines.append(((title, Role.ID), (words, Role.WARNING if found.stayed else Role.TEXT)))
        for job, state in jobs[:MOST]:
            words, role = strip_words(job, state, ascii_only=ascii_only)
            lines.append(((f" {job_title(job, self._skin.glyphs.arrow)}  ", Role.ID), (words, role)))
        if len(jobs) > MOST:
            lines.append(((f" and {len(jobs) - MOST} more: 6 lists them", Role.MUTED),))
        self._jobs = tuple(lines)
        self._take()

    def say(self, change: str) -> None:
        """Say how far a change is that goes on in the background; "" for none."""
        self._change = ((((" change  ", Role.ID), (change, Role.TEXT)),)) if change else ()
        self._take()

    def _take(self) -> None:
        lines = (*self._change, *self._jobs)
        if lines != self._lines:
            longer = len(lines) != len(self._lines)
            self._lines = lines
            self.set_class(bool(lines), "-some")
            self.refresh(layout=longer)

    def get_content_height(self, *_: object) -> int:
        """A line each."""
        return len(self._lines)

    def render_line(self, y: int) -> Strip:
        """Draw a line."""
        look, width = self._skin.look, self.size.width
        ground = look.part("bar")
        if y >= len(self._lines):
            return Strip.blank(width, ground)
        segments, room = [], width
        for text, role in self._lines[y]:
            text = shorten(text, max(0, room), self._skin.glyphs.ellipsis)
            segments.append(Segment(text, look.role(role, "dialog")))
            room -= len(text)
        return Strip(segments).adjust_cell_length(width, ground)
