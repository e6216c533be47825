"""The clipboard of the user's terminal, through whatever lies between (OSC 52)."""

from __future__ import annotations

import base64
from collections.abc import Mapping

from textual.app import App

MOST_BYTES = 74_000
"""Terminals drop what is longer (xterm's limit is the shortest in use)."""

_CHUNK = 700
"""GNU screen passes on device control strings of at most 768 bytes."""


def clipboard_sequence(text: str, environ: Mapping[str, str]) -> str:
    """Return what puts ``text`` on the clipboard; "" when it is too long for terminals to take.

    tmux takes the plain sequence where ``set-clipboard`` is on and the wrapped one where
    ``allow-passthrough`` is; it drops the other. GNU screen only passes wrapped ones on, in pieces.
    """
    content = base64.b64encode(text.encode()).decode("ascii")
    plain = f"\x1b]52;c;{content}\x07"
    if len(plain) > MOST_BYTES:
        return ""
    if environ.get("TMUX"):
        return plain + "\x1bPtmux;" + plain.replace("\x1b", "\x1b\x1b") + "\x1b\\"
    if environ.get("STY") or environ.get("TERM", "").startswith("screen"):
        return "".join(f"\x1bP{plain[at : at + _CHUNK]}\x1b\\" for at in range(0, len(plain), _CHUNK))
    return plain


def copy(app: App[object], text: str, environ: Mapping[str, str]) -> bool:
    """Put ``text`` on the clipboard of the terminal, behind what is being painted; return whether it fits."""
    sequence = clipboard_sequence(text, environ)
    if sequence:
        app._clipboard = text
        if app._driver is not None:
            app._driver.write(sequence)
    return bool(sequence)
