"""What is pasted is text, whatever it holds."""

from __future__ import annotations

from collections.abc import Iterable

from textual._xterm_parser import BRACKETED_PASTE_END, BRACKETED_PASTE_START, XTermParser
from textual.message import Message

_ESCAPE = "\x1b"


class PasteProofParser(XTermParser):
    """Makes every escape in a paste visible before it is looked at.

    Textual would take it for the begin of a sequence, and what follows for keys: not every terminal takes escapes out
    of what it pastes. Where the mark of a paste is torn by two reads, Textual is left to see it.
    """

    _pasting = False
    _torn = ""
    """What may be the first part of the mark of the end."""

    def feed(self, data: str) -> Iterable[Message]:
        """Yield what these characters mean; "" is the end of all."""
        if not data:
            yield from super().feed("")
        while data:
            if self._pasting:
                text, end, data = (self._torn + data).partition(BRACKETED_PASTE_END)
                self._torn = "" if end else _begin_of_end(text)
                text = text.removesuffix(self._torn).replace(_ESCAPE, r"\x1b") + end
                self._pasting = not end
            else:
                text, start, data = data.partition(BRACKETED_PASTE_START)
                text += start
                self._pasting = bool(start)
            if text:
                yield from super().feed(text)


def _begin_of_end(text: str) -> str:
    last = text[max(0, text.rfind(_ESCAPE)) :]
    return last if BRACKETED_PASTE_END.startswith(last) else ""
