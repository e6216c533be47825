"""Textual's driver, made to survive bytes that are no text, pasted escapes, a terminal that goes away or is stuck."""

from __future__ import annotations

import codecs
from functools import partial

from textual.drivers import linux_driver
from textual.events import Key, MouseDown, MouseScrollDown, MouseScrollUp
from textual.message import Message

from tui.actions import LEAVE_KEYS
from tui.term.leaving import HUNG_UP, LastResort
from tui.term.pasting import PasteProofParser

# Textual's own decoder is strict: one byte that is no UTF-8 would end the thread that reads the keys.
linux_driver.getincrementaldecoder = lambda name: partial(codecs.getincrementaldecoder(name), "replace")  # type: ignore[attr-defined]
linux_driver.XTermParser = PasteProofParser  # type: ignore[attr-defined]


class Driver(linux_driver.LinuxDriver):
    """Reads keys and draws."""

    last_resort: LastResort | None = None

    def process_message(self, message: Message) -> None:
        """See the keys for leaving even when the rest is stuck, and let readings rest; then go on as ever.

        Runs in the thread that reads keys. On its way to the application a key waits for several turns of the event
        loop, and a reading would take a slice of each.
        """
        if isinstance(message, Key | MouseDown | MouseScrollDown | MouseScrollUp):
            from backend.state.schedule import let_readings_rest

            let_readings_rest()
        if self.last_resort is not None and isinstance(message, Key) and message.key in LEAVE_KEYS:
            self.last_resort.arm(0)
        super().process_message(message)

    def _run_input_thread(self) -> None:
        """Read keys; where that fails, the terminal is gone, or iovtop has a fault."""
        try:
            self.run_input_thread()
        except OSError:
            if self.last_resort is not None:
                self.last_resort.arm(HUNG_UP)
            self._app.call_later(self._app.exit, return_code=HUNG_UP)
        except Exception as error:
            self._app.call_later(self._app._handle_exception, error)
