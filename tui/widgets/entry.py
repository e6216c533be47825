"""A line to type into."""

from __future__ import annotations

from dataclasses import dataclass

from textual.message import Message
from textual.widgets import Input

from backend.model.text import clean
from tui.actions import Scope, bindings


def printable(text: str) -> str:
    """Return pasted text with every control made visible. Blanks at its ends stay."""
    inner = text.replace("\t", " ")
    lead = len(inner) - len(inner.lstrip(" "))
    trail = len(inner) - len(inner.rstrip(" ")) if inner.strip(" ") else 0
    return " " * lead + clean(inner) + " " * trail


class Entry(Input):
    """One line of text, into which no control character can be pasted. It keeps the keys to itself."""

    BINDINGS = bindings(Scope.INPUT)
    DEFAULT_CSS = """
    Entry { width: 2fr; height: 1; border: none; padding: 0; background: $surface; color: $foreground; }
    Entry:focus { border: none; background: $surface; }
    """

    @dataclass
    class Kept(Message):
        """The text is meant."""

    @dataclass
    class Cancelled(Message):
        """All is to be as it was before."""

    @dataclass
    class CompletionAsked(Message):
        """The text is to be completed."""

    def __init__(self) -> None:
        super().__init__(compact=True)
        self.cursor_blink = False

    def insert(self, text: str, index: int) -> None:
        """Insert text, made harmless."""
        super().insert(printable(text), index)

    def replace(self, text: str, start: int, end: int) -> None:
        """Replace text, made harmless."""
        super().replace(printable(text), start, end)

    def begin(self, text: str) -> None:
        """Begin with this text."""
        self.value = text
        self.cursor_position = len(text)
        self.screen.set_focus(self)  # at once: the next key is text already

    def action_keep(self) -> None:
        """Say that the text is meant."""
        self.post_message(self.Kept())

    def action_cancel(self) -> None:
        """Say that it is not."""
        self.post_message(self.Cancelled())

    def action_complete(self) -> None:
        """Ask for the rest of the text."""
        self.post_message(self.CompletionAsked())
