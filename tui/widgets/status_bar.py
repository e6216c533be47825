"""The last line: the keys, or a message about what just happened."""

from __future__ import annotations

from collections.abc import Sequence

from textual.timer import Timer

from tui.actions import Action
from tui.term.theming import Skin
from tui.widgets.line import LineWidget, Piece

_VIEWS = ("1-6", "views")
_STAY = 3
"""Keys that stay longest: the last ones."""

SHOWN = 5.0
"""Seconds for which a message stays."""


class StatusBar(LineWidget):
    """The keys worth knowing, and messages before them."""

    def __init__(self, skin: Skin, actions: Sequence[Action], *, id: str | None = None) -> None:
        super().__init__(skin, "bar", id=id)
        self._actions = actions
        self._left_out = ""
        self._keys = _keys(actions)
        self._message: Piece | None = None
        self._lasting: Piece | None = None
        self._timer: Timer | None = None

    def on_mount(self) -> None:
        """Show the keys."""
        self._compose_line()

    def leave_out(self, prefix: str) -> None:
        """Name no action whose id begins so, because another line does; "" names all again."""
        self._left_out = prefix
        self.offer(self._actions)

    def offer(self, actions: Sequence[Action]) -> None:
        """Name the keys of these actions: others work where the focus is now."""
        self._actions = actions
        prefix = self._left_out
        self._keys = _keys([action for action in actions if not prefix or not action.id.startswith(prefix)])
        self._compose_line()

    def message(self, text: str, *, warning: bool = False) -> None:
        """Say something for a few seconds."""
        self._message = Piece(f" {text} ", "message-warning" if warning else "message")
        if self._timer is not None:
            self._timer.stop()
        self._timer = self.set_timer(SHOWN, self._over)
        self._compose_line()

    def take_back(self, text: str) -> None:
        """Say this no more, if it is what is being said."""
        if self._message is not None and self._timer is not None and self._message.text == f" {text} ":
            self._timer.stop()
            self._over()

    def lasting(self, text: str) -> None:
        """Say something until it is replaced; "" ends it."""
        self._lasting = Piece(f" {text} ", "message-warning") if text else None
        self._compose_line()

    def _over(self) -> None:
        self._timer = self._message = None
        self._compose_line()

    def _compose_line(self) -> None:
        shown = self._message or self._lasting
        self.say([shown] if shown is not None else self._keys, () if shown is None else self._keys[-4:])


def _keys(actions: Sequence[Action]) -> list[Piece]:
    """Return key and word of each action, the views as one; the keys to act, to find help and to quit stay longest."""
    named = [(action.shown_keys.split(" ", 1)[0], action.footer) for action in actions]
    named = [_VIEWS if action.id.startswith("view.") else name for action, name in zip(actions, named, strict=True)]
    named = list(dict.fromkeys(named))
    pieces: list[Piece] = []
    for place, (key, word) in enumerate(named):
        priority = len(named) - 1 - place if place >= len(named) - _STAY else len(named) + place
        pieces.append(Piece(f" {key}", "key", priority))
        pieces.append(Piece(f" {word} ", "key-text", priority))
    return pieces
