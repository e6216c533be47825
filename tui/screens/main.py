"""The first screen: header, findings, tree, detail, filter, keys."""

from __future__ import annotations

from contextlib import ExitStack
from time import monotonic

from textual.app import ComposeResult
from textual.containers import Horizontal, Vertical
from textual.widget import Widget

from backend.findings import look_for_findings
from backend.model.delta import Delta
from backend.model.host import Host
from backend.model.steps import Steps
from backend.present.columns import SCREEN_COLUMNS
from backend.present.filter import Query
from backend.present.places import Place, places
from backend.present.rates import devices_of
from backend.present.sorting import Order
from backend.present.view import View
from tui.actions import Scope, bindings, footer_actions
from tui.bridge import Bridge, Session, SessionEnded
from tui.detail_feed import DetailFeed
from tui.host_facts import facts
from tui.migrations import Migrations
from tui.restore import Arrangement
from tui.screens.main_detail import MainDetail
from tui.screens.main_migrations import FOLLOW
from tui.states import notice_for
from tui.summary import Summary
from tui.term.theming import Skin
from tui.tidying import Tidying
from tui.trail import Trail
from tui.viewing import Viewing
from tui.widgets.column_titles import ColumnTitles
from tui.widgets.detail_pane import DetailPane
from tui.widgets.entry import Entry
from tui.widgets.filter_bar import FilterBar
from tui.widgets.findings_line import FindingsLine
from tui.widgets.header import Header, Pulse, badge
from tui.widgets.jobs_strip import JobsStrip
from tui.widgets.jump_bar import JumpBar
from tui.widgets.line import LineWidget, Piece
from tui.widgets.live_tree import LiveTree
from tui.widgets.status_bar import StatusBar
from tui.widgets.tab_line import TabLine
from tui.widgets.view_bar import ViewBar
from tui.writing import Writing

CURTAIN = 0.4
"""Seconds after which something is shown, even if it is only that the host is being read."""
SETTLING = 0.05
"""Seconds that columns, findings and scroll bar take to find their places for the first picture."""
TALL = 30
"""Height from which the views have a line of their own."""
LEAST = (34, 6)
"""Width and height below which there is nothing useful to show."""

_AS_LEFT = "the filter is as you left it: esc clears it"


class MainScreen(MainDetail):
    """Wires the session to the widgets."""

    BINDINGS = bindings(Scope.MAIN)
    HORIZONTAL_BREAKPOINTS = [(0, "-narrow"), (120, "-wide")]
    VERTICAL_BREAKPOINTS = [(0, "-short"), (TALL, "-tall")]
    AUTO_FOCUS = "LiveTree"

    def __init__(
        self,
        session: Session,
        writing: Writing,
        skin: Skin,
        view: View,
        query: Query,
        *,
        left: Arrangement | None = None,
        slow: bool = False,
        migrations: Migrations | None = None,
    ) -> None:
        super().__init__()
        self.migrations = migrations
        self.skin = skin
        self.writing = writing
        self.viewing = Viewing(view, query)
        self.bridge = Bridge(session, self.post_message)
        self.feed = DetailFeed(session, self.bridge.history, skin.glyphs, self.show_detail)
        self.trail = Trail()
        self.following = False
        self.summary = Summary(self._sum_up, self.run_worker, self.set_timer)
        self.error = ""
        self._refused = ""
        self._left = left
        self._slow = slow
        self._tidying: Tidying | None = None
        self._curtain = ExitStack()
        # Held, not looked for: the host still tells of changes while the screen is being taken down.
        self.header = Header(skin, id="header")
        self.findings = FindingsLine(skin, id="findings")
        self.view_bar = ViewBar(skin, id="views")
        self.rows = LiveTree(skin, id="tree")
        self.titles = ColumnTitles(self.rows.painter, id="titles")
        self.tabs = TabLine(skin, id="tabs")
        self.pane = DetailPane(skin, id="pane")
        self.side = Vertical(self.tabs, self.pane, id="side", classes="-ascii" * (skin.glyphs.name == "ascii"))
        self.jobs = JobsStrip(skin, id="jobs")
        self.filter_bar = FilterBar(skin, self, id="filter")
        self.jump_bar = JumpBar(skin, self._jump_to, self._keys_to_tree, id="jump")
        self.bar = StatusBar(skin, footer_actions(), id="status")
        self.small = LineWidget(skin, "base", id="small")

    def compose(self) -> ComposeResult:
        """Lay the screen out."""
        with Vertical(id="all"):
            yield self.header
            yield self.findings
            yield self.view_bar
            with Horizontal(id="body"):
                with Vertical(id="left"):
                    yield self.titles
                    yield self.rows
                yield self.side
            yield self.jobs
            yield self.filter_bar
            yield self.jump_bar
            yield self.bar
        yield self.small

    def on_mount(self) -> None:
        """Begin to follow the host."""
        self._curtain.enter_context(self.app.batch_update())
        self.set_timer(CURTAIN, self._curtain.close)
        if self._left is not None:
            self._restore(self._left)
        self.rows.present(self.viewing)
        self.say_states()
        self._say_what_is_left()
        self.beat()
        self.set_interval(1.0, self.beat)
        if self.migrations is not None:
            self.set_interval(FOLLOW, self.follow_migrations)
        self.bridge.start()

    def _restore(self, left: Arrangement) -> None:
        known = {column.id for column in SCREEN_COLUMNS}
        if left.order in known:
            self.viewing.arrange(Order(left.order, left.reverse))
            self.measure_for(self.viewing.order)
        self.set_class(left.wide, "-no-detail")
        self.rows.choose(left.open)
        if self.viewing.query:
            self.bar.message(_AS_LEFT)

    def arrangement(self) -> Arrangement:
        """Return what of the screen the operator chose."""
        order = self.viewing.order
        return Arrangement(
            view=self.viewing.view,
            filter=self.viewing.query.text,
            order=order.column if order is not None else "",
            reverse=order is not None and order.reverse,
            wide=self.has_class("-no-detail"),
            open=self.rows.chosen(),
        )

    def on_unmount(self) -> None:
        """Let go of the host; waits for nothing."""
        self.writing.leave()
        self.feed.close()
        self.bridge.close()

    def on_resize(self) -> None:
        """Say so when there is no room."""
        small = self.size.width < LEAST[0] or self.size.height < LEAST[1]
        self.set_class(small, "-small")
        if small:
            host = self.viewing.host
            text = f" too small: {self.size.width}x{self.size.height}, wants {LEAST[0]}x{LEAST[1]}"
            self.small.say([*(badge(host) if host else []), Piece(text, "notice", 1, cut=True)])
        self.bar.leave_out("view." if self.size.height >= TALL else "")
        self.call_after_refresh(self.show_detail)
        if not small:
            self.call_after_refresh(self._find_focus)

    def check_action(self, action: str, parameters: tuple[object, ...]) -> bool | None:
        """Let no key act on what there is no room to show."""
        return not self.has_class("-small") and super().check_action(action, parameters)

    def _find_focus(self) -> None:
        """Give the focus back that was lost while there was no room, to the line that is open, else to the tree."""
        if self.focused is None and self.app.app_focus:
            self.set_focus(next((bar.entry for bar in (self.filter_bar, self.jump_bar) if bar.is_open), self.rows))

    # ---- the host

    def on_host_changed(self) -> None:
        """Follow the host to where it is now."""
        delta = self.bridge.take()
        if delta is None:
            self.beat()
            return
        first = self.viewing.host is None
        update = self.viewing.take(delta)
        if first:
            self.rows.present(self.viewing)
            self.rows.to_match()
            self.on_resize()
            self.jump_bar.learn(places(delta.new))
            self.set_timer(SETTLING, self._curtain.close)
            self._tidying = Tidying()
        else:
            # What the first look for holders finds was there before: it is no change.
            news = delta.old.holder_scan.taken_at is not None or delta.new.holder_scan.taken_at is None
            self.rows.update(self.viewing, update, mark=news)
            if self.rows.drop_picked(str(device) for device in delta.devices.removed):
                self.say_states()
            if self.following and news:
                self._follow_change(delta)
        if self.bridge.session.player is not None:
            self.beat()
        self.summary.follow(delta.new)
        self._say_what_is_left()
        self.follow_detail(delta)

    def on_session_ended(self, message: SessionEnded) -> None:
        """Say that the picture will not change any more."""
        self.error = message.reason
        self.bar.lasting(f"not live any more: {message.reason}; the log file has more")
        self.beat()
        self._say_what_is_left()

    def beat(self) -> None:
        """Say how fresh the picture is. Nothing is painted while that stays the same."""
        session, bridge = self.bridge.session, self.bridge
        status, player = session.status, self.bridge.session.player
        age = monotonic() - status.last_update if status.last_update else 0.0
        reading = status.reading and self.viewing.host is None
        self.end_idle_writing()
        self.say_running()
        if self._tidying is not None:
            self._tidying.beat()
        pulse = Pulse(
            session.interval,
            reading,
            bridge.paused if player is None else not player.playing,
            age,
            self.error or status.error,
            self.writing.on,
            self._slow,
            player.now if player is not None else None,
            player.speed if player is not None else 1.0,
        )
        self.header.show(self.viewing.host, pulse)
        for shown in (self.rows, self.pane, self.reader):
            if shown is not None:
                shown.fade(pulse.stale or bool(pulse.error))
        if bridge.paused:
            changes = bridge.waiting
            self.bar.lasting(f"paused, {changes} change{'s' * (changes != 1)} waiting: p goes on")

    def _sum_up(self, host: Host) -> Steps[None]:
        self.header.tell((yield from facts(host, self.skin.glyphs.separator)))
        self.findings.show((yield from look_for_findings(host)))
        self.beat()

    def _say_what_is_left(self) -> None:
        shown = self.viewing.shown
        self.filter_bar.remind(self.viewing.query, len(shown.rows) if shown is not None else 0, self.viewing.total)
        self.rows.say(*notice_for(self.viewing, self.error, self.skin.glyphs.ellipsis))

    def _follow_change(self, delta: Delta) -> None:
        """Put the cursor on the last device that changed, if this view shows it."""
        shown = self.viewing.shown
        changed = [*delta.devices.changed, *delta.devices.added]
        keys = [str(device) for device in changed if shown is not None and str(device) in shown.rows]
        if keys:
            self.rows.reveal(keys[-1])

    # ---- the rows

    def show_viewing(self) -> None:
        """Show another view, filter or order."""
        self.say_states()
        self._say_what_is_left()
        self.rows.present(self.viewing)
        self.rest_on_row()

    def say_states(self) -> None:
        """Say which view this is, whence one came, and what is unusual about it."""
        order, marked = self.viewing.order, len(self.rows.picked)
        states = []
        if order is not None:
            states.append(f"by {order.column}{', reversed' * order.reverse}")
        if marked:
            states.append(f"{marked} marked")
        if self.following:
            states.append("following")
        crumbs = [stop.view.value for stop in self.trail.crumbs]
        self.view_bar.show(self.viewing.view, crumbs, states)
        self.titles.show(order)

    def on_live_tree_screenful_changed(self) -> None:
        """Have just what is on the screen read at each tick."""
        rows = [*self.rows.screen_rows(), self.rows.cursor_row]
        host = self.viewing.host
        shown = (devices_of(host, row) for row in rows if row is not None) if host is not None else ()
        ids = frozenset(str(device.id) for devices in shown for device in devices)
        if ids != self.bridge.session.visible:
            self.bridge.session.visible = ids

    def on_live_tree_columns_changed(self) -> None:
        """Draw the titles over the columns."""
        self.titles.refresh()

    def on_live_tree_row_vanished(self, message: LiveTree.RowVanished) -> None:
        """Say that the cursor is on another row now."""
        self.bar.message(f"{message.name} is gone", warning=True)
        self.rest_on_row()

    # ---- the filter

    def filter_by(self, query: Query) -> None:
        """Show what matches."""
        self.bar.take_back(self._refused)
        if query.text != self.viewing.query.text:
            self.bar.take_back(_AS_LEFT)
            self.viewing.ask(query)
            self.show_viewing()
            self.rows.to_match()

    def filter_refused(self, why: str) -> None:
        """Say why nothing is filtered."""
        self._refused = f"nothing is filtered: {why}"
        self.bar.message(self._refused, warning=True)

    def filter_closed(self, *, kept: bool) -> None:
        """Give the keys back to the tree; the cursor goes back too where nothing was kept."""
        self._say_what_is_left()
        if not kept:
            self.rows.reveal(self.cursor_before)
        self._keys_to_tree()

    def leave_lines(self, focused: Widget | None) -> None:
        """Put away every line but the one with the focus; what is filtered stays so."""
        if self.filter_bar.is_open and focused is not self.filter_bar.entry:
            self.filter_bar.put_away()
            self.bar.take_back(self._refused)
            self._say_what_is_left()
        if self.jump_bar.is_open and focused is not self.jump_bar.entry:
            self.jump_bar.put_away()

    def on_descendant_focus(self) -> None:
        """Put away the lines that were left by a click or by the key of another one."""
        self.leave_lines(self.focused)

    def command_chosen(self) -> None:
        """Give the keys to the tree before a command of the palette acts."""
        if isinstance(self.focused, Entry):
            self._keys_to_tree()
            self.leave_lines(self.rows)

    def _jump_to(self, place: Place) -> None:
        match place.screen:
            case "pulse":
                self.action_pulse()
            case "migrations":
                self.action_jobs()
            case _:
                self.go_to(place.view, place.key)

    def _keys_to_tree(self) -> None:
        self.set_focus(self.rows)  # at once: the next key is the tree's

    def restyle(self) -> None:
        """Draw everything in the skin's present look."""
        self.rows.restyle()
        self.pane.restyle()
        for widget in self.query(Widget):
            widget.refresh()
