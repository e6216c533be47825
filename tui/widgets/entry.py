"""A line to type into."""

from __future__ import annotations

from typing import Protocol

from textual.widgets import Input
from textual.widgets.input import Selection

from backend.model.text import clean
from tui.actions import Scope, bindings
from tui.widgets.immediate import Immediate


def printable(text: str) -> str:
    """Return pasted text with every control made visible. Blanks at its ends stay."""
    inner = text.replace("\t", " ")
    lead = len(inner) - len(inner.lstrip(" "))
    trail = len(inner) - len(inner.rstrip(" ")) if inner.strip(" ") else 0
    return " " * lead + clean(inner) + " " * trail


class Writer(Protocol):
    """Whoever an entry belongs to. All of it happens before the next key is looked at."""

    def typed(self, text: str) -> None:
        """Take note of another text."""

    def kept(self) -> None:
        """Do what the text means."""

    def cancelled(self) -> None:
        """Let all be as it was before."""

    def completion_asked(self) -> None:
        """Complete the text."""


class Entry(Input, Immediate):
    """One line of text, into which no control character can be pasted. It keeps the keys to itself."""

    BINDINGS = bindings(Scope.INPUT)
    DEFAULT_CSS = """
    Entry { width: 2fr; height: 1; border: none; padding: 0; background: $surface; color: $foreground; }
    Entry:focus { border: none; background: $surface; }
    """

    def __init__(self, writer: Writer) -> None:
        self._writer = writer
        super().__init__(compact=True, select_on_focus=False)
        self.cursor_blink = False

    def insert(self, text: str, index: int) -> None:
        """Insert text, made harmless."""
        super().insert(printable(text), index)

    def replace(self, text: str, start: int, end: int) -> None:
        """Replace text, made harmless."""
        super().replace(printable(text), start, end)

    def begin(self, text: str) -> None:
        """Begin with this text, which goes when another one is typed."""
        self.value = text
        self.selection = Selection(0, len(text))
        self.screen.set_focus(self)  # at once: the next key is text already

    def take_text(self, text: str) -> bool:
        """Put it where the cursor is, in the place of what is selected."""
        self.replace(text, *self.selection)
        return True

    def watch_value(self, value: str) -> None:
        """Tell of another text, whatever made it."""
        self._writer.typed(value)

    def action_keep(self) -> None:
        """Say that the text is meant."""
        self._writer.kept()

    def action_cancel(self) -> None:
        """Say that it is not."""
        self._writer.cancelled()

    def action_complete(self) -> None:
        """Ask for the rest of the text."""
        self._writer.completion_asked()
