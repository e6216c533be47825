"""What the keys of the first screen do."""

from __future__ import annotations

from textual.screen import Screen

from backend.model.device import DeviceKind
from backend.present.columns import DEFAULT_COLUMNS
from backend.present.filter import parse_query
from backend.present.tree import Row, holder_key
from backend.present.view import View
from tui.bridge import Bridge
from tui.screens.help import HelpScreen
from tui.term.theming import Skin
from tui.viewing import Viewing
from tui.widgets.filter_bar import FilterBar
from tui.widgets.header import badge
from tui.widgets.live_tree import LiveTree
from tui.widgets.status_bar import StatusBar

INTERVALS = (0.5, 1.0, 2.0, 3.0, 5.0, 10.0, 30.0, 60.0)


class MainKeys(Screen[None]):
    """The actions of ``Scope.MAIN``."""

    bridge: Bridge
    skin: Skin
    viewing: Viewing

    @property
    def _rows(self) -> LiveTree:
        return self.query_one(LiveTree)

    @property
    def _bar(self) -> StatusBar:
        return self.query_one(StatusBar)

    def show_viewing(self) -> None:
        """Show another view or filter."""
        raise NotImplementedError

    def action_view(self, view: str) -> None:
        """Change the view."""
        if View(view) is not self.viewing.view:
            self.viewing.look(View(view))
            self.show_viewing()

    def action_jump(self, where: str) -> None:
        """Go from the row under the cursor to its holder, group, device or parent."""
        row = self._rows.cursor_row
        if row is None:
            return
        view, key, otherwise = _target(row, where)
        if not key:
            self._bar.message(otherwise, warning=True)
            return
        if view is not self.viewing.view:
            self.viewing.look(view)
        if self.viewing.query and self.viewing.shown is not None and key not in self.viewing.shown.rows:
            self.viewing.ask(parse_query(""))
            self._bar.message("filter cleared: it hid the row")
        self.show_viewing()
        if not self._rows.reveal(key):
            self._bar.message(f"not among the {view}: {key}", warning=True)

    def action_filter(self) -> None:
        """Open the filter."""
        self.query_one(FilterBar).open(self.viewing.query.text)

    def action_faults(self) -> None:
        """Show only faults, or everything again."""
        words = self.viewing.query.text.split(" ")
        words = [w for w in words if w != "faulty"] if "faulty" in words else [*words, "faulty"]
        self.viewing.ask(parse_query(" ".join(words)))
        self.show_viewing()
        self._bar.message("only what has a fault" if "faulty" in words else "everything again")

    def action_undo_layer(self) -> None:
        """Take back the filter, else the pause."""
        if self.viewing.query:
            self.viewing.ask(parse_query(""))
            self.show_viewing()
            self._bar.message("filter cleared")
        elif self.bridge.paused:
            self.action_pause()

    def action_pause(self) -> None:
        """Let the screen stand still, or go on."""
        self.bridge.pause(not self.bridge.paused)
        if not self.bridge.paused:
            self._bar.lasting("")
        self.beat()

    def beat(self) -> None:
        """Say how fresh the picture is."""
        raise NotImplementedError

    def action_interval(self, step: int) -> None:
        """Look less or more often."""
        session = self.bridge.session
        near = min(range(len(INTERVALS)), key=lambda n: abs(INTERVALS[n] - session.interval))
        session.interval = INTERVALS[max(0, min(near + step, len(INTERVALS) - 1))]
        self.beat()

    def action_copy_id(self) -> None:
        """Copy the id of the row under the cursor."""
        row = self._rows.cursor_row
        if row is not None:
            text = str(row.device.id) if row.device is not None else row.key.partition(":")[2]
            self.app.copy_to_clipboard(text)
            self._bar.message(f"copied {text}")

    def action_help(self) -> None:
        """Show all keys."""
        host = self.viewing.host
        columns = [(column.title or column.id.upper(), column.help) for column in DEFAULT_COLUMNS]
        self.app.push_screen(HelpScreen(self.skin, badge(host) if host is not None else (), columns))


def _target(row: Row, where: str) -> tuple[View, str, str]:
    """Return the view and key of where to go, or "" and why there is no such place."""
    device = row.device
    if device is None:
        return View.DEVICES, "", "this row is no device"
    if where == "holder":
        key = f"{holder_key(device.holders[0])}/{device.id}" if device.holders else ""
        return View.HOLDERS, key, f"nobody is seen to hold {device.id}"
    if where == "group":
        group = device.group
        return View.GROUPS, f"group:{int(group)}" if group is not None else "", f"{device.id} is in no IOMMU group"
    if where == "device":
        return View.DEVICES, str(device.id), ""
    parent = device.parent
    if device.kind is DeviceKind.MDEV and parent and ":" not in parent:
        parent = f"parent:{parent}"
    return View.DEVICES, parent, f"{device.id} has no parent device"
