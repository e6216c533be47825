"""All keys, from the registry of actions."""

from __future__ import annotations

from collections.abc import Sequence

from textual.app import ComposeResult

from backend.present.columns import Cell, Role
from backend.present.lines import Line, Section
from tui.actions import ACTIONS, Scope, by_topic
from tui.layer import Layer
from tui.term.theming import Skin
from tui.widgets.detail_lines import Detail
from tui.widgets.detail_pane import DetailPane
from tui.widgets.line import LineWidget, Piece, key_pieces, title_pieces


def help_detail(columns_help: Sequence[tuple[str, str]], scope: Scope) -> Detail:
    """Return the help as a detail: what the keys do where the focus is, the others, what the columns hold."""
    others = {Scope.TREE, Scope.DETAIL, Scope.INPUT} - {scope}
    found = [
        Section(title, tuple(Line(action.shown_keys, Cell(action.help)) for action in actions))
        for title, actions in (
            (f"Here, in the {scope}", [action for action in ACTIONS if action.scope is scope]),
            *(
                (topic.value, [action for action in actions if action.scope in (Scope.MAIN, Scope.EVERYWHERE)])
                for topic, actions in by_topic().items()
            ),
            *(
                (f"In the {other}", [action for action in ACTIONS if action.scope is other])
                for other in Scope
                if other in others
            ),
        )
        if actions
    ]
    found.append(Section("Columns", tuple(Line(title, Cell(text, Role.MUTED)) for title, text in columns_help)))
    return Detail("Keys", _WRITES, tuple(found), 28)


_WRITES = "Only a change from the menu of actions (x) writes to the host, in write mode (W), behind a plan."


class HelpScreen(Layer[None]):
    """Shows the help until the operator leaves it."""

    BINDINGS = [("question_mark", "close", "close")]

    def __init__(
        self, skin: Skin, badge: Sequence[Piece], columns_help: Sequence[tuple[str, str]], scope: Scope
    ) -> None:
        super().__init__()
        self._skin = skin
        self._badge = tuple(badge)
        self._columns_help = columns_help
        self._scope = scope

    def compose(self) -> ComposeResult:
        """A line and the keys."""
        yield LineWidget(self._skin, "bar", id="help-title")
        yield DetailPane(self._skin, id="help")

    def on_mount(self) -> None:
        """Show the keys."""
        title = title_pieces(self._badge, "help")
        self.query_one("#help-title", LineWidget).say(title, key_pieces(("esc", "back")))
        self.query_one(DetailPane).show(help_detail(self._columns_help, self._scope))
        self.query_one(DetailPane).focus()

    def on_resize(self) -> None:
        """Lay the lines out anew."""
        self.call_after_refresh(self.query_one(DetailPane).restyle)

    def on_detail_pane_left(self) -> None:
        """Go back."""
        self.dismiss()

    def action_close(self) -> None:
        """Go back."""
        self.dismiss()
