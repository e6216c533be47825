"""The detail of the row under the cursor: beside the tree, or on a screen of its own."""

from __future__ import annotations

from textual.containers import Vertical
from textual.timer import Timer

from backend.model.delta import Delta
from tui.actions import Scope, footer_actions
from tui.detail_feed import DetailFeed
from tui.screens.detail import DetailScreen
from tui.screens.main_migrations import MainMigrations
from tui.widgets.detail_pane import DetailPane
from tui.widgets.entry import Entry
from tui.widgets.header import badge
from tui.widgets.tab_line import TabLine

DETAIL_DELAY = 0.15
"""Seconds that the cursor rests on a row before its detail is made."""


class MainDetail(MainMigrations):
    """What shows the detail, and when it is made."""

    feed: DetailFeed
    tabs: TabLine
    pane: DetailPane
    side: Vertical
    """Where ``tabs`` and ``pane`` are, beside the tree."""
    reader: DetailScreen | None = None
    """The detail on a screen of its own, while it is open."""
    _detail_timer: Timer | None = None

    @property
    def settled(self) -> bool:
        """Whether everything asked for is on the screen."""
        return self._detail_timer is None and self.feed.answered

    def on_live_tree_cursor_moved(self) -> None:
        """Make the detail when the cursor has come to rest."""
        self.rest_on_row()

    def rest_on_row(self) -> None:
        """Make the detail when the cursor has stayed on its row for a moment."""
        if self._detail_timer is not None:
            self._detail_timer.stop()
        self._detail_timer = self.set_timer(DETAIL_DELAY, self._rested)

    def _rested(self) -> None:
        self._detail_timer = None
        if self.side.display or self.reader is not None:
            self.feed.ask(self.rows.cursor_row)
        self.show_detail()

    def follow_detail(self, delta: Delta) -> None:
        """Show the detail anew where a change of the host touches it."""
        row = self.rows.cursor_row
        if self._detail_timer is None and row is not None and (self.side.display or self.reader is not None):
            changed = delta.devices.keys()
            if row.device is None or row.device.id in changed:
                self.feed.ask(row)
            self.show_detail()

    def show_detail(self) -> None:
        """Show what is known of the row, beside the tree and on the screen of its own, where they are in sight."""
        row = self.rows.cursor_row
        host = self.viewing.host
        if self.side.display:
            self.tabs.show(self.feed.tab)
            self.pane.show(self.feed.detail(host, row) if row is not None and host is not None else None)
        if self.reader is not None and self.reader.is_mounted and row is not None and host is not None:
            self.reader.show(self.feed.detail(host, row), self.feed.tab, writing=self.writing.on)

    def action_tab(self, step: int) -> None:
        """Go to another tab of the detail."""
        if not self.side.display and self.reader is None:
            self.bar.message("no detail in sight: enter opens it")
            return
        self.feed.turn(step, self.rows.cursor_row)
        self.show_detail()

    def on_tab_line_turned(self, message: TabLine.Turned) -> None:
        """Go to the tab that was clicked."""
        self.action_tab(message.step)

    def on_live_tree_detail_asked(self) -> None:
        """Go to the detail beside the tree, or put it on a screen of its own."""
        row, host = self.rows.cursor_row, self.viewing.host
        if row is None or host is None or self.reader is not None:
            return
        if self.side.display:
            self.feed.ask(row)
            self.show_detail()
            self.pane.focus()
            return
        self.reader = DetailScreen(self.skin, badge(host), self.action_tab)
        self.app.push_screen(self.reader, self._reader_closed)
        self.beat()

    def _reader_closed(self, _result: None) -> None:
        self.reader = None

    def on_descendant_focus(self) -> None:
        """Name the keys that work there."""
        typing = isinstance(self.focused, Entry)
        scope = Scope.INPUT if typing else Scope.DETAIL if self.focused is self.pane else Scope.TREE
        self.bar.offer(footer_actions(scope))

    def on_detail_pane_left(self) -> None:
        """Go back to the tree."""
        self.rows.focus()
