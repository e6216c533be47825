"""Text from hardware, guests, files and other hosts, made harmless once, where it comes in."""

from __future__ import annotations

import functools
import re

MAX_TEXT = 4096
"""No single text is longer; what is cut ends in an ellipsis."""

# What a terminal acts on or shows wrongly: C0, DEL, C1, soft hyphen, bidirectional and zero-width controls, line
# separators, tags, variation selectors, surrogates, private use, non-characters.
_UNSAFE = (
    "[\\x00-\\x1f\\x7f-\\x9f\\xad\\u034f\\u061c\\u115f\\u1160\\u17b4\\u17b5\\u180b-\\u180f\\u200b-\\u200f"
    "\\u2028-\\u202e\\u2060-\\u206f\\u3164\\ud800-\\uf8ff\\ufdd0-\\ufdef\\ufe00-\\ufe0f\\ufeff\\uffa0\\ufff0-\\uffff"
    "\\U0001bca0-\\U0001bca3\\U0001d173-\\U0001d17a\\U000e0000-\\U000e0fff\\U000f0000-\\U0010ffff]"
)


@functools.cache
def _unsafe() -> re.Pattern[str]:
    """Return the pattern of what is unsafe; most starts meet only plain ASCII, and never pay for it."""
    return re.compile(_UNSAFE)


def _escape(match: re.Match[str]) -> str:
    code = ord(match[0])
    if code < 0x100:
        return f"\\x{code:02x}"
    return f"\\u{code:04x}" if code < 0x10000 else f"\\U{code:08x}"


def clean(raw: bytes | str, limit: int = MAX_TEXT) -> str:
    """Return ``raw`` as one line of plain text: white space at the ends gone, every control made visible.

    Bytes that are not UTF-8 and characters that steer a terminal come out as ``\\xNN`` or ``\\uNNNN``, so
    that no escape sequence, no line break and no change of writing direction can pass. Markup is not
    touched: whoever draws text never interprets it.
    """
    text = raw.decode("utf-8", "backslashreplace") if isinstance(raw, bytes) else raw
    text = text.strip(" \t\r\n")
    if text.isascii() and text.isprintable():
        return text if len(text) <= limit else text[: limit - 1] + "…"
    text = _unsafe().sub(_escape, text[: limit + 1])
    return text if len(text) <= limit else text[: limit - 1] + "…"
