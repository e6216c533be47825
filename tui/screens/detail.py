"""The detail of a row on a screen of its own, for terminals without room beside the tree."""

from __future__ import annotations

from collections.abc import Sequence

from textual.app import ComposeResult
from textual.screen import Screen

from tui.actions import ACTIONS, Scope
from tui.term.theming import Skin
from tui.widgets.detail_lines import Detail
from tui.widgets.detail_pane import DetailPane
from tui.widgets.line import LineWidget, Piece


class DetailScreen(Screen[None]):
    """Shows a detail until the operator leaves it; whoever pushed it keeps it up to date."""

    def __init__(self, skin: Skin, badge: Sequence[Piece], detail: Detail) -> None:
        super().__init__()
        self._skin = skin
        self._badge = tuple(badge)
        self._first = detail

    def compose(self) -> ComposeResult:
        """A line, the detail, the keys."""
        yield LineWidget(self._skin, "bar", id="detail-title")
        yield DetailPane(self._skin, id="reader")
        yield LineWidget(self._skin, "bar", id="detail-keys")

    def on_mount(self) -> None:
        """Show the first detail."""
        keys = [a for a in ACTIONS if a.scope is Scope.DETAIL and a.id in ("detail.leave", "detail.down", "detail.up")]
        pieces = [(Piece(f" {a.shown_keys.split(' ')[0]}", "key"), Piece(f" {a.title} ", "key-text")) for a in keys]
        self.query_one("#detail-keys", LineWidget).say([piece for pair in pieces for piece in pair])
        self.show(self._first)

    def show(self, detail: Detail) -> None:
        """Show a detail."""
        title = [*self._badge, Piece(" iovtop ", "brand", 3), Piece(f" {detail.name} ", "hostname", 1)]
        self.query_one("#detail-title", LineWidget).say(title, [Piece(" READ-ONLY ", "read-only", 2)])
        self.query_one(DetailPane).show(detail)

    def on_resize(self) -> None:
        """Lay the lines out anew."""
        self.call_after_refresh(self.query_one(DetailPane).restyle)

    def on_detail_pane_left(self) -> None:
        """Go back."""
        self.dismiss()
