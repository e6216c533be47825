"""Migrations: which go on, how far each is, how they ended; cancel, switch over, other limits."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from rich.segment import Segment
from textual import events
from textual.app import ComposeResult

from backend.migration.jobs.folder import NoJob
from backend.migration.jobs.orders import Adjust, Cancel, Continue, NobodyListens, Order
from backend.model.job import Job, JobState
from backend.present.columns import Role
from backend.present.evacuating import evacuation_bar
from backend.present.jobs import alarm_of, job_sections, job_title
from backend.present.migrating import job_words
from tui.dialogs.form import Form, FormScreen
from tui.dialogs.moving import limit_fields, limits_of
from tui.layer import Layer
from tui.migrations import Migrations
from tui.term.theming import Skin
from tui.widgets.cells import pad, shorten
from tui.widgets.detail_lines import Detail
from tui.widgets.detail_pane import DetailPane
from tui.widgets.line import LineWidget, Piece, key_pieces, title_pieces
from tui.widgets.picker import STEPS, Picker

BEAT = 0.25
"""Seconds between two looks at the records."""
_STATE = 10
_QUESTIONS: Mapping[str, tuple[str, Order, str]] = {
    "c": ("cancel this migration?", Cancel(), "asked to cancel"),
    "g": ("switch over now?", Continue(), "told to switch over"),
}
"""Key → what is asked before, the order, what is said after it."""
_LEAVE = ("escape", "6", "h", "left", "q")


class JobsScreen(Layer[None]):
    """A line for each job, and everything about the chosen one, as it goes on."""

    def __init__(self, skin: Skin, badge: Sequence[Piece], migrations: Migrations, *, writing: bool) -> None:
        super().__init__()
        self._skin = skin
        self._badge = tuple(badge)
        self._migrations = migrations
        self._writing = writing
        self._jobs: list[tuple[Job, JobState]] = []
        self._asking = ""
        self._said = ""

    def compose(self) -> ComposeResult:
        """A line, the jobs, and all about the chosen one."""
        yield LineWidget(self._skin, "bar", id="jobs-title")
        yield Picker(self._skin, (), self._line)
        yield LineWidget(self._skin, "bar", id="jobs-rule")
        pane = DetailPane(self._skin)
        pane.can_focus = False
        yield pane

    def on_mount(self) -> None:
        """Show them, and go on doing so."""
        self._beat()
        self.set_interval(BEAT, self._beat)

    def on_resize(self) -> None:
        """Lay the lines out anew."""
        self.call_after_refresh(self.query_one(DetailPane).restyle)

    def on_key(self, event: events.Key) -> None:
        """Move, ask, tell, or leave."""
        event.stop()
        asking, self._asking, self._said = self._asking, "", ""
        if asking:
            if event.key == "y":
                _, order, said = _QUESTIONS[asking]
                self._tell(order, said)
        elif event.key in STEPS and event.key != "g":
            self.query_one(Picker).move(STEPS[event.key])
        elif event.key in ("c", "g", "l"):
            self._want(event.key)
        elif event.key in _LEAVE:
            self.dismiss(None)
        self._show()

    def _want(self, key: str) -> None:
        chosen = self._chosen
        if chosen is None or chosen[1] is JobState.ENDED:
            self._said = "this job has ended" if chosen is not None else "there is no job"
        elif not self._writing:
            self._said = "read-only: W switches write mode on, in the tree"
        elif key == "l":
            self._ask_limits(chosen[0])
        else:
            self._asking = key

    def _ask_limits(self, job: Job) -> None:
        fields = limit_fields(bandwidth=job.move.bandwidth, downtime=job.move.downtime)

        def filled(values: Mapping[str, str] | None) -> None:
            if values is not None:
                self._tell(Adjust(*limits_of(values)), "told its new limits")

        self.app.push_screen(FormScreen(self._skin, Form(job_title(job, self._skin.glyphs.arrow), fields)), filled)

    def _tell(self, order: Order, said: str) -> None:
        chosen = self._chosen
        if chosen is None:
            return
        number = chosen[0].number

        async def tell() -> None:
            try:
                await self._migrations.tell(number, order)
                self._said = f"job {number} was {said}"
            except (NobodyListens, NoJob) as error:
                self._said = str(error)
            self._show()

        self.run_worker(tell())

    @property
    def _chosen(self) -> tuple[Job, JobState] | None:
        chosen = self.query_one(Picker).chosen
        return chosen if isinstance(chosen, tuple) else None

    def _beat(self) -> None:
        self._jobs = self._migrations.all()
        self.query_one(Picker).offer(self._jobs)
        self._show()

    def _show(self) -> None:
        chosen = self._chosen
        self._say(chosen)
        if chosen is None:
            self.query_one(DetailPane).show(None)
            return
        job, state = chosen
        if state is JobState.ENDED:
            self._migrations.seen.discard(job.number)
        ascii_only = self._skin.glyphs.name == "ascii"
        sections = tuple(job_sections(job, state, ascii_only=ascii_only))
        title = job_title(job, self._skin.glyphs.arrow)
        self.query_one(DetailPane).show(Detail(title, f"job {job.number}", sections))

    def _say(self, chosen: tuple[Job, JobState] | None) -> None:
        going = sum(state is not JobState.ENDED for _, state in self._jobs)
        count = f"{going} migration{'s' * (going != 1)} under way" if self._jobs else "no migrations yet"
        for found in self._migrations.evacuations(self._jobs):
            count = evacuation_bar(found, ascii_only=self._skin.glyphs.name == "ascii")
        title = title_pieces(self._badge, count)
        if self._asking:
            pieces = [Piece(f" {_QUESTIONS[self._asking][0]} y: yes, any other key: no ", "message-warning")]
        elif self._said:
            pieces = [Piece(f" {self._said} ", "message")]
        else:
            keys = [("esc", "back")]
            if chosen is not None and chosen[1] is not JobState.ENDED:
                keys = [("c", "cancel"), ("l", "limits"), *([("g", "switch over")] * (not chosen[0].released)), *keys]
            pieces = key_pieces(*keys)
        self.query_one("#jobs-title", LineWidget).say(title, pieces)

    def _line(self, item: tuple[Job, JobState], ground: str, width: int) -> list[Segment]:
        job, state = item
        look, glyphs = self._skin.look, self._skin.glyphs
        good = job.verdict is not None and job.verdict.moved
        role = Role.GOOD if good else Role.DANGER if job.over or state is JobState.DIED else Role.TEXT
        title = f"{job_title(job, glyphs.arrow)}  "
        lead = f" {job.number:3}  "
        words = job_words(job, state)
        alarm = alarm_of(job) if state is JobState.RUNNING else ""
        if alarm:
            words, role = f"{alarm}  {words}", Role.WARNING
        room = width - len(lead) - _STATE - len(title)
        return [
            Segment(lead, look.role(Role.MUTED, ground)),
            Segment(pad(state.value, _STATE), look.role(role, ground)),
            Segment(title, look.role(Role.ID, ground)),
            Segment(shorten(words, max(0, room), glyphs.ellipsis), look.part("base", ground)),
        ]
