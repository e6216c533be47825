"""Widgets in which a key acts before the next one is looked at."""

from __future__ import annotations

from textual.widget import Widget


class Immediate(Widget):
    """A widget that is never typed into: the application acts on its keys at once (see ``IovtopApp.on_event``)."""
