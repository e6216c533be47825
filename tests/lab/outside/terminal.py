"""A terminal that can be typed into and looked at."""

from __future__ import annotations

import io
import subprocess
import time
import uuid

from rich.console import Console
from rich.text import Text

from tests.lab.boot import REPOSITORY

COLUMNS, LINES = 120, 36


class Tmux:
    """A terminal of tmux's with a shell in it."""

    def __init__(self) -> None:
        self._name = f"lab-{uuid.uuid4().hex[:8]}"
        size = ("-x", str(COLUMNS), "-y", str(LINES))
        self._run("-f", "/dev/null", "new-session", "-d", *size, "-c", str(REPOSITORY), "sh")

    def _run(self, *words: str) -> str:
        ended = subprocess.run(["tmux", "-L", self._name, *words], capture_output=True, text=True, check=False)
        return ended.stdout

    def type(self, *keys: str) -> None:
        """Press keys, by tmux's names."""
        self._run("send-keys", *keys)

    def screen(self) -> str:
        """Return what is to be seen."""
        return self._run("capture-pane", "-p")

    def until(self, words: str, seconds: float) -> str:
        """Wait for words on the screen; return the screen."""
        deadline = time.monotonic() + seconds
        while words not in (screen := self.screen()):
            assert time.monotonic() < deadline, f"no {words!r} in:\n{screen}"
            time.sleep(0.3)
        return screen

    def picture(self, title: str) -> str:
        """Return what is to be seen as SVG."""
        console = Console(record=True, width=COLUMNS, height=LINES, file=io.StringIO(), force_terminal=True)
        console.print(Text.from_ansi(self._run("capture-pane", "-e", "-N", "-p")), end="")
        return console.export_svg(title=title, unique_id="lab")

    def close(self) -> None:
        """End it."""
        self._run("kill-server")
