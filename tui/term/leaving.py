"""Leaving within a second, whatever hangs, with the terminal as it was."""

from __future__ import annotations

import contextlib
import os
import signal
import termios
import threading
from collections.abc import Callable
from types import FrameType

PATIENCE = 0.7
"""Seconds for an orderly end."""

_MODES = (2026, 1000, 1003, 1015, 1006, 1016, 1004, 2004, 2048, 1049)
HUNG_UP = 128 + signal.SIGHUP
"""Exit code when the terminal went away."""

UNDO = b"\x1b[0m\x1b[<u" + b"".join(b"\x1b[?%dl" % mode for mode in _MODES) + b"\x1b[?7h\x1b[?25h"
"""Takes back every mode that Textual may have set."""


class LastResort:
    """Ends the process when its orderly end takes too long."""

    def __init__(self, terminal: int = 0) -> None:
        self._terminal = terminal
        self._timer: threading.Timer | None = None
        self._attributes = None
        with contextlib.suppress(termios.error):
            self._attributes = termios.tcgetattr(terminal)

    def arm(self, code: int) -> None:
        """Give the process so long and no longer; only the first call counts."""
        if self._timer is None:
            self._timer = threading.Timer(PATIENCE, self._end, (code,))
            self._timer.daemon = True
            self._timer.start()

    def catch_signals(self, leave: Callable[[int], object]) -> None:
        """On SIGTERM, and when the terminal goes away, call ``leave`` with the exit code."""

        def ended(number: int, frame: FrameType | None) -> None:
            self.arm(128 + number)
            leave(128 + number)

        for number in (signal.SIGTERM, signal.SIGHUP):
            signal.signal(number, ended)

    def _end(self, code: int) -> None:
        with contextlib.suppress(OSError, termios.error):
            # What waits to be drawn would only keep the terminal from being restored.
            termios.tcflush(self._terminal, termios.TCOFLUSH)
        with contextlib.suppress(OSError):
            # A description of its own: the shell's must not become non-blocking.
            descriptor = os.open("/dev/tty", os.O_WRONLY | os.O_NONBLOCK | os.O_NOCTTY)
            os.write(descriptor, UNDO)
        if self._attributes is not None:
            with contextlib.suppress(termios.error):
                termios.tcsetattr(self._terminal, termios.TCSANOW, self._attributes)
        os._exit(code)
