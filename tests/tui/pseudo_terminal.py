"""The real program in a real pseudo-terminal."""

from __future__ import annotations

import fcntl
import os
import pty
import re
import select
import signal
import struct
import sys
import termios
from collections.abc import Mapping
from pathlib import Path
from time import monotonic, sleep

from tests.tui.terminal_screen import shown

ROOT = Path(__file__).parents[2]

ALLOWED = re.compile(
    rb"\x1b\[[0-9;]*[HmJK]"  # place, style, erase
    rb"|\x1b\[\?(?:25|7|1000|1003|1004|1006|1015|1016|1049|2004|2026|2048)[hl]"  # modes that are undone at the end
    rb"|\x1b\[\?(?:2026|2048)\$p|\x1b\[>[0-9]*u|\x1b\[<u"  # questions, keyboard protocol
    rb"|\x1b\]22;default\x07"  # the shape of the mouse pointer
)
"""The only escape sequences that may reach a terminal."""

PATIENCE = 50.0
"""Seconds to wait for what should come at once: a machine that is busy with other things may take its time."""

_OURS = ("NO_COLOR", "COLORTERM", "TMUX", "STY", "COLUMNS", "LINES")
"""Variables that tell of the terminal in which the tests run, not of this one."""


class PseudoTerminal:
    """A child on a pty, and everything it wrote."""

    def __init__(self, arguments: list[str], environ: Mapping[str, str], size: tuple[int, int] = (120, 36)) -> None:
        self.written = b""
        self.size = size
        self.code: int | None = None
        base = {k: v for k, v in os.environ.items() if k not in _OURS}
        self.pid, self.fd = pty.fork()
        if self.pid == 0:
            fcntl.ioctl(0, termios.TIOCSWINSZ, struct.pack("HHHH", size[1], size[0], 0, 0))
            os.chdir(ROOT)
            os.execve(sys.executable, [sys.executable, *arguments], {**base, **environ})

    def read(self, seconds: float) -> None:
        """Take what comes within so many seconds."""
        if self.fd < 0:
            sleep(seconds)
            return
        if select.select([self.fd], [], [], seconds)[0]:
            try:
                self.written += os.read(self.fd, 65536)
            except OSError:  # the other end is closed
                self._reap(block=True)

    def until(self, words: bytes, seconds: float = PATIENCE) -> None:
        """Wait until the screen has said something."""
        deadline = monotonic() + seconds
        while words not in self.written:
            assert monotonic() < deadline, (words, self.written[-3000:])
            assert self.code is None, (self.code, self.written[-3000:])
            self.read(0.1)

    def until_shown(self, words: str, seconds: float = PATIENCE) -> str:
        """Wait until the screen stands still and shows ``words``; return it."""
        deadline = monotonic() + seconds
        while True:
            before = len(self.written)
            self.read(0.15)
            # Working out what the screen shows takes longer than what came: only when nothing comes any more.
            if len(self.written) == before and words in (screen := self.screen()):
                return screen
            assert monotonic() < deadline, f"never came: {words}\n{self.screen()}"
            assert self.code is None, (self.code, self.written[-3000:])

    def until_quiet(self, seconds: float = 0.7) -> None:
        """Wait until nothing is drawn for so long."""
        deadline = monotonic() + PATIENCE
        before = -1
        while len(self.written) != before:
            assert monotonic() < deadline, "it never stands still"
            before = len(self.written)
            for _ in range(7):
                self.read(seconds / 7)

    def screen(self) -> str:
        """Return what the terminal shows."""
        return "\n".join(shown(self.written, *self.size))

    def resize(self, columns: int, lines: int) -> None:
        """Make the terminal another size."""
        self.size = (columns, lines)
        fcntl.ioctl(self.fd, termios.TIOCSWINSZ, struct.pack("HHHH", lines, columns, 0, 0))

    def modes(self) -> list[object]:
        """Return how the terminal treats what is typed: echo, lines, signals."""
        return [*termios.tcgetattr(self.fd)[:4]]

    def type(self, keys: bytes) -> None:
        """Press keys."""
        os.write(self.fd, keys)

    def ended_within(self, seconds: float) -> float:
        """Wait for the end; return how long it took."""
        start = monotonic()
        while self.code is None:
            assert monotonic() - start < seconds, self.written[-2000:]
            self.read(0.02)
            self._reap(block=False)
        return monotonic() - start

    def stopped_within(self, seconds: float) -> None:
        """Wait until the child has stopped itself."""
        deadline = monotonic() + seconds
        while True:
            self.read(0.02)
            pid, status = os.waitpid(self.pid, os.WNOHANG | os.WUNTRACED)
            if pid and os.WIFSTOPPED(status):
                break
            assert not pid, "it ended"
            assert monotonic() < deadline, self.written[-2000:]
        while select.select([self.fd], [], [], 0)[0]:
            self.read(0)

    def ends_unread(self, seconds: float) -> None:
        """Wait for the end without reading what is drawn."""
        deadline = monotonic() + seconds
        while self.code is None:
            assert monotonic() < deadline, "it is still there"
            self._reap(block=False)
            sleep(0.02)

    def hang_up(self) -> None:
        """Let the terminal go away."""
        os.close(self.fd)
        self.fd = -1

    def close(self) -> None:
        """End the child if it still runs."""
        if self.code is None:
            os.kill(self.pid, signal.SIGKILL)
            self._reap(block=True)
        if self.fd >= 0:
            os.close(self.fd)

    def _reap(self, *, block: bool) -> None:
        if self.code is None:
            pid, status = os.waitpid(self.pid, 0 if block else os.WNOHANG)
            if pid:
                self.code = os.waitstatus_to_exitcode(status)

    def strangers(self) -> list[bytes]:
        """Return every control in what was written that is not one of the allowed sequences."""
        rest = ALLOWED.sub(b"", self.written)
        return [
            rest[max(0, m.start() - 10) : m.end() + 20] for m in re.finditer(rb"[\x00-\x08\x0b\x0c\x0e-\x1f\x7f]", rest)
        ]
