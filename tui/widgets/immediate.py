"""Widgets in which a key acts before the next one is looked at."""

from __future__ import annotations

from textual.widget import Widget


class Immediate(Widget):
    """A widget whose keys the application acts on at once (see ``IovtopApp.on_event``)."""

    def take_text(self, text: str) -> bool:
        """Take what was typed or pasted; False where it is no text here."""
        return False
