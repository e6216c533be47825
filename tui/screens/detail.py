"""The detail of a row on a screen of its own, for terminals without room beside the tree."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from textual.app import ComposeResult
from textual.binding import Binding

from tui.actions import ACTIONS, Scope, footer_actions
from tui.detail_tabs import Tab
from tui.layer import Layer
from tui.term.theming import Skin
from tui.widgets.detail_lines import Detail
from tui.widgets.detail_pane import DetailPane
from tui.widgets.line import LineWidget, Piece, title_pieces
from tui.widgets.tab_line import TabLine


class DetailScreen(Layer[None]):
    """Shows a detail until the operator leaves it; whoever pushed it keeps it up to date."""

    BINDINGS = [Binding(",".join(a.keys), a.call, a.title, show=False) for a in ACTIONS if a.id.startswith("tab.")]

    def __init__(self, skin: Skin, badge: Sequence[Piece], turn: Callable[[int], None]) -> None:
        super().__init__()
        self._badge = tuple(badge)
        self._turn = turn
        # Held, not looked for: a detail may still come while the screen is being taken down.
        self._title = LineWidget(skin, "bar", id="detail-title")
        self._tabs = TabLine(skin)
        self._pane = DetailPane(skin, id="reader")
        self._keys = LineWidget(skin, "bar", id="detail-keys")

    def compose(self) -> ComposeResult:
        """A line, the tabs, the detail, the keys."""
        yield self._title
        yield self._tabs
        yield self._pane
        yield self._keys

    def on_mount(self) -> None:
        """Show the keys and ask for the detail."""
        keys = [a for a in footer_actions(Scope.DETAIL) if a.scope is Scope.DETAIL or a.id == "tab.next"]
        pieces = [(Piece(f" {a.shown_keys.split(' ')[0]}", "key"), Piece(f" {a.footer} ", "key-text")) for a in keys]
        self._keys.say([piece for pair in pieces for piece in pair])
        self._turn(0)

    def show(self, detail: Detail, tab: Tab, *, writing: bool) -> None:
        """Show a detail, and whether changes are allowed."""
        title = title_pieces(self._badge, detail.name)
        self._title.say(title, [Piece(" WRITE ", "write", 2) if writing else Piece(" READ-ONLY ", "read-only", 2)])
        self._tabs.show(tab)
        self._pane.show(detail)

    def fade(self, old: bool) -> None:
        """Draw the detail as what was so some time ago, or as what is."""
        self._pane.fade(old)

    def action_tab(self, step: int) -> None:
        """Go to another tab."""
        self._turn(step)

    def on_tab_line_turned(self, message: TabLine.Turned) -> None:
        """Go to the tab that was clicked."""
        self._turn(message.step)

    def on_resize(self) -> None:
        """Lay the lines out anew."""
        self.call_after_refresh(self._pane.restyle)

    def on_detail_pane_left(self) -> None:
        """Go back."""
        self.dismiss()
