"""A screen that lies over another until it is left."""

from __future__ import annotations

from textual.await_complete import AwaitComplete
from textual.screen import Screen, ScreenResultType


class Layer(Screen[ScreenResultType]):
    """Is left once, however many keys asked for it meanwhile.

    Textual takes away whatever is on top: of two that were typed at once, the second would take what lies below.
    """

    def dismiss(self, result: ScreenResultType | None = None) -> AwaitComplete:
        """Leave, with this result."""
        return super().dismiss(result) if self.is_active else AwaitComplete()
