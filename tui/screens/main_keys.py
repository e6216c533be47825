"""What the keys of the first screen do."""

from __future__ import annotations

import os
from abc import abstractmethod
from collections.abc import Sequence
from dataclasses import replace

from textual.screen import Screen

from backend.findings import find
from backend.present.columns import RATE_COLUMNS, SCREEN_COLUMNS
from backend.present.commands import snapshot_command
from backend.present.details import title_of
from backend.present.filter import parse_query
from backend.present.places import place_of, places
from backend.present.sorting import Order
from backend.present.tree import Row, plain_name
from backend.present.view import View
from tui.actions import Scope
from tui.bridge import Bridge
from tui.row_actions import row_actions, target_of
from tui.screens.findings import FindingsScreen
from tui.screens.help import HelpScreen
from tui.screens.menu import MenuScreen
from tui.screens.pulse import PulseScreen
from tui.term.clipboard import copy
from tui.term.theming import Skin
from tui.trail import Stop, Trail
from tui.viewing import Viewing
from tui.widgets.detail_pane import DetailPane
from tui.widgets.filter_bar import FilterBar
from tui.widgets.header import badge
from tui.widgets.jobs_strip import JobsStrip
from tui.widgets.jump_bar import JumpBar
from tui.widgets.live_tree import LiveTree
from tui.widgets.status_bar import StatusBar
from tui.writing import Writing

INTERVALS = (0.5, 1.0, 2.0, 3.0, 5.0, 10.0, 30.0, 60.0)


class MainKeys(Screen[None]):
    """The actions of ``Scope.MAIN``."""

    bridge: Bridge
    skin: Skin
    viewing: Viewing
    trail: Trail
    following: bool
    cursor_before = ""
    """Where the cursor was before the filter was asked for."""
    writing: Writing
    rows: LiveTree
    """The tree."""
    bar: StatusBar
    """The last line."""
    filter_bar: FilterBar
    jump_bar: JumpBar
    jobs: JobsStrip

    @abstractmethod
    def show_viewing(self) -> None:
        """Show another view or filter."""

    def action_view(self, view: str) -> None:
        """Change the view."""
        if View(view) is not self.viewing.view:
            self.trail.leave(self._here())
            self.viewing.look(View(view))
            self.show_viewing()

    def action_jump(self, where: str) -> None:
        """Go from the row under the cursor to its holder, group, device or parent."""
        row = self.rows.cursor_row
        if row is None:
            return
        target = target_of(row, where)
        if target.key:
            self.go_to(target.view, target.key)
        else:
            self.bar.message(target.why_not, warning=True)

    def go_to(self, view: View, key: str) -> None:
        """Go to a row of a view, or to the view where ``key`` is ""."""
        self.trail.leave(self._here())
        if view is not self.viewing.view:
            self.viewing.look(view)
        if key and self.viewing.query and self.viewing.shown is not None and key not in self.viewing.shown.rows:
            self.viewing.ask(parse_query(""))
            self.bar.message("filter cleared: it hid the row")
        self.show_viewing()
        if key and not self.rows.reveal(key):
            self.bar.message(f"not among the {view}: {key}", warning=True)

    def action_back(self) -> None:
        """Go back to the view, filter and row before."""
        self._return_to(self.trail.back(self._here()), "nothing before this")

    def action_forth(self) -> None:
        """Go forth again."""
        self._return_to(self.trail.forth(self._here()), "nothing after this")

    def _here(self) -> Stop:
        return Stop(self.viewing.view, self.viewing.query.text, self.rows.rows.cursor)

    def _return_to(self, stop: Stop | None, otherwise: str) -> None:
        if stop is None:
            self.bar.message(otherwise)
            return
        self.viewing.look(stop.view)
        self.viewing.ask(parse_query(stop.filter))
        self.show_viewing()
        self.rows.reveal(stop.key)

    def action_jump_to(self) -> None:
        """Ask where to go."""
        host = self.viewing.host
        self.jump_bar.open(places(host) if host is not None else None)

    def action_sort(self) -> None:
        """Order siblings by the next column."""
        ids = ["", *(column.id for column in self.rows.painter.layout.columns if column.id != "what")]
        now = self.viewing.order.column if self.viewing.order is not None else ""
        column = ids[(ids.index(now) + 1) % len(ids)] if now in ids else ""
        self._arrange(Order(column) if column else None)

    def action_reverse(self) -> None:
        """Turn the order round."""
        order = self.viewing.order
        if order is None:
            self.bar.message("no order to turn round: o sorts by a column")
        else:
            self._arrange(replace(order, reverse=not order.reverse))

    def _arrange(self, order: Order | None) -> None:
        self.measure_for(order)
        self.viewing.arrange(order)
        self.show_viewing()

    def measure_for(self, order: Order | None) -> None:
        """Have every device measured where a figure orders the rows, not just those on screen."""
        self.bridge.session.measure_all = order is not None and order.column in {column.id for column in RATE_COLUMNS}

    def action_wide(self) -> None:
        """Give the tree the whole width, or the detail its place again."""
        self.toggle_class("-no-detail")

    def action_follow(self) -> None:
        """Let the cursor go to whatever changes, or let it be."""
        self.following = not self.following
        self.bar.message("the cursor goes to whatever changes: f lets it be" if self.following else "the cursor stays")
        self.say_states()

    def action_mark(self) -> None:
        """Mark the row, or take its mark away."""
        self.rows.pick()
        self.say_states()

    def action_mark_range(self) -> None:
        """Mark from the last mark to here."""
        self.rows.pick_range()
        self.say_states()

    def action_mark_all(self) -> None:
        """Mark all that the filter leaves."""
        self.rows.pick_all()
        self.say_states()

    def action_mark_none(self) -> None:
        """Take all marks away."""
        self.rows.pick_none()
        self.say_states()

    def action_filter(self) -> None:
        """Open the filter."""
        self.cursor_before = self.rows.rows.cursor
        self.filter_bar.open(self.viewing.query.text, self.viewing.host)

    def action_faults(self) -> None:
        """Show only faults, or everything again."""
        words = self.viewing.query.text.split(" ")
        words = [w for w in words if w != "faulty"] if "faulty" in words else [*words, "faulty"]
        self.viewing.ask(parse_query(" ".join(words)))
        self.show_viewing()
        self.rows.to_match()
        self.bar.message(self._said_of_faults() if "faulty" in words else "everything again")

    def _said_of_faults(self) -> str:
        host = self.viewing.host
        whole = sum(not finding.subject for finding in find(host)) if host is not None else 0
        more = f"; {whole} more {'are' if whole > 1 else 'is'} about the whole host" if whole else ""
        return f"only what the findings name{more}: ! tells them"

    def action_undo_layer(self) -> None:
        """Take back the filter, else the pause, else the marks."""
        if self.viewing.query:
            self.viewing.ask(parse_query(""))
            self.show_viewing()
            self.bar.message("filter cleared")
        elif self.bridge.paused:
            self.action_pause()
        elif self.rows.picked:
            self.action_mark_none()

    def action_pause(self) -> None:
        """Let the screen stand still, or go on; of a recording, its time."""
        player = self.bridge.session.player
        if player is not None:
            player.pause(player.playing)
            self.beat()
            return
        self.bridge.pause(not self.bridge.paused)
        if not self.bridge.paused:
            self.bar.lasting("")
        self.beat()

    @abstractmethod
    def say_states(self) -> None:
        """Say which view this is and what is unusual about it."""

    @abstractmethod
    def beat(self) -> None:
        """Say how fresh the picture is."""

    def action_interval(self, step: int) -> None:
        """Look less or more often; play a recording faster or more slowly."""
        session = self.bridge.session
        if session.player is not None:
            session.player.faster(step)
            self.beat()
            return
        near = min(range(len(INTERVALS)), key=lambda n: abs(INTERVALS[n] - session.interval))
        session.interval = INTERVALS[max(0, min(near + step, len(INTERVALS) - 1))]
        self.beat()

    def action_seek(self, seconds: int) -> None:
        """Go to another moment of a recording."""
        player = self.bridge.session.player
        if player is None:
            self.bar.message("this host is live: there is no other moment to go to; iovtop replay plays a recording")
        else:
            player.seek(seconds)

    def action_copy_id(self) -> None:
        """Copy the ids of the marked rows, or of the one under the cursor."""
        self.copy("\n".join(plain_name(row) for row in self.chosen_rows()))

    def action_copy_command(self) -> None:
        """Copy the command that prints what is shown."""
        host = self.viewing.host
        if host is None:
            return
        command = snapshot_command(host, self.viewing.view, self.viewing.query.text, self.chosen_rows())
        if command:
            self.copy(command)
        else:
            self.bar.message("no command shows this elsewhere: it is neither this machine nor simulated", warning=True)

    def chosen_rows(self) -> Sequence[Row]:
        """Return the marked rows, or the one under the cursor."""
        picked = self.rows.picked_rows()
        row = self.rows.cursor_row
        return picked or ([row] if row is not None else [])

    def copy(self, text: str) -> None:
        """Copy a text to the clipboard of the terminal, and say so."""
        lines = text.split("\n")
        shown = lines[0] if len(lines) == 1 else f"{len(lines)} lines: {lines[0]}{self.skin.glyphs.ellipsis}"
        if not text:
            return
        if copy(self.app, text, os.environ):
            self.bar.message(f"copied {shown}")
        else:
            self.bar.message("too long for the clipboard of a terminal: iovtop snapshot prints it", warning=True)

    def action_findings(self) -> None:
        """Show every finding in full."""
        host = self.viewing.host
        found = find(host) if host is not None else ()
        if host is None or not found:
            self.bar.message("no finding: nothing is wrong as far as can be seen")
            return
        self.app.push_screen(FindingsScreen(self.skin, badge(host), found), self._show_subject)

    def _show_subject(self, subject: str | None) -> None:
        host = self.viewing.host
        if subject and host is not None:
            place = place_of(host, subject)
            self.go_to(place.view, place.key)

    def action_pulse(self) -> None:
        """Show which functions do most."""
        host = self.viewing.host
        if host is not None:
            self.app.push_screen(PulseScreen(self.skin, badge(host), self.bridge.session), self._show_subject)

    def action_menu(self) -> None:
        """Show what can be done with the row."""
        host, row = self.viewing.host, self.rows.cursor_row
        if host is not None and row is not None:
            choices = row_actions(host, row, writing=self.writing.on)
            self.app.push_screen(MenuScreen(self.skin, title_of(row)[0], choices), self._chosen)

    async def _chosen(self, call: str | None) -> None:
        if call:
            target = self.rows if hasattr(self.rows, f"action_{call.partition('(')[0]}") else self
            await self.app.run_action(call, default_namespace=target)

    def action_help(self) -> None:
        """Show all keys."""
        host = self.viewing.host
        columns = [(column.title or column.id.upper(), column.help) for column in SCREEN_COLUMNS]
        scope = Scope.DETAIL if isinstance(self.focused, DetailPane) else Scope.TREE
        self.app.push_screen(HelpScreen(self.skin, badge(host) if host is not None else (), columns, scope))
