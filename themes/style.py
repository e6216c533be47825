"""The small language of styles: ``bold accent on selection``."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import NamedTuple

ATTRIBUTES = ("bold", "dim", "italic", "underline", "reverse")

_ANSI_NAMES = ("black", "red", "green", "yellow", "blue", "magenta", "cyan", "white")
ANSI_COLORS = ("default", *_ANSI_NAMES, *(f"bright_{name}" for name in _ANSI_NAMES))
"""The colours of the terminal itself, which its user chose."""

_HEX = re.compile(r"#[0-9a-fA-F]{6}")


class BadStyleError(ValueError):
    """A style that means nothing. ``word`` is what could not be understood."""

    def __init__(self, word: str, reason: str) -> None:
        super().__init__(reason)
        self.word = word


class Style(NamedTuple):
    """How a piece of text looks. Colours are ``#rrggbb`` or one of ``ANSI_COLORS``; "" leaves them alone."""

    color: str = ""
    background: str = ""
    bold: bool = False
    dim: bool = False
    italic: bool = False
    underline: bool = False
    reverse: bool = False


def is_color(text: str) -> bool:
    """Return whether ``text`` is ``#rrggbb`` or the name of a colour of the terminal."""
    return text in ANSI_COLORS or _HEX.fullmatch(text) is not None


def parse_style(text: str, colors: Mapping[str, str]) -> Style:
    """Return the style that ``text`` spells, with the names of ``colors``, or raise ``BadStyleError``."""
    attributes: dict[str, bool] = {}
    color = background = ""
    behind = False
    for word in text.split():
        if word in ATTRIBUTES:
            attributes[word] = True
            continue
        if word == "on":
            behind = True
            continue
        value = colors.get(word, word)
        if not is_color(value):
            raise BadStyleError(word, f"{word!r} is no colour, no attribute ({', '.join(ATTRIBUTES)}) and not 'on'")
        if behind:
            background = value
        else:
            color = value
    return Style(color, background, **attributes)
