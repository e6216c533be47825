"""The very first frame: nothing but that the host is being read. All else is loaded while it stands."""

from __future__ import annotations

from textual.app import ComposeResult
from textual.screen import Screen
from textual.strip import Strip
from textual.widget import Widget

from tui.term.theming import Skin
from tui.widgets.header import Header, Pulse
from tui.widgets.notice import notice_line


class OpeningScreen(Screen[None]):
    """Looks like the main screen of a host that has not been read yet."""

    def __init__(self, skin: Skin, pulse: Pulse) -> None:
        super().__init__()
        self._header = Header(skin)
        self._pulse = pulse
        self._notice = _Notice(skin)

    def compose(self) -> ComposeResult:
        """A line and a notice."""
        yield self._header
        yield self._notice

    def on_resize(self) -> None:
        """Say how things are."""
        self._header.show(None, self._pulse)


class _Notice(Widget):
    DEFAULT_CSS = "_Notice { width: 1fr; height: 1fr; }"

    def __init__(self, skin: Skin) -> None:
        super().__init__()
        self._skin = skin

    def render_line(self, y: int) -> Strip:
        """Draw line ``y``."""
        return notice_line((f"reading{self._skin.glyphs.ellipsis}",), y, self.size, self._skin)
