"""The signs that stand beside words. State is always a word; the glyph makes it quick to find."""

from __future__ import annotations

from collections.abc import Mapping
from typing import NamedTuple


class Glyphs(NamedTuple):
    """One set of signs; each is one cell wide. No dataclass: the first frame would wait for it four times as long."""

    name: str
    open: str
    closed: str
    branch: str
    last: str
    pipe: str
    none: str
    warning: str
    live: str
    changed: str
    cursor: str
    ellipsis: str
    separator: str
    rule: str
    bar: str
    times: str
    arrow: str
    marked: str
    up: str
    down: str
    stale: str
    paths: Mapping[str, str]
    """By ``DataPath``."""


UNICODE = Glyphs(
    "unicode", "▾", "▸", "├", "└", "│", "—", "▲", "●", "*", "▌", "…", "·", "─", "│", "×", "→", "✓", "▴", "▾", "~",
    {
        "idle": "·",
        "host": "h",
        "ready": "○",
        "passthrough": "»",
        "trap": "◇",
        "mediated": "◈",
    },
)  # fmt: skip

ASCII = Glyphs(
    "ascii", "v", ">", "|", "`", "|", "-", "!", "o", "*", ">", "~", "-", "-", "|", "x", ">", "+", "^", "v", "~",
    {
        "idle": ".",
        "host": "h",
        "ready": "o",
        "passthrough": ">",
        "trap": "t",
        "mediated": "m",
    },
)  # fmt: skip


def glyphs_for(encoding: str, term: str) -> Glyphs:
    """Return the set that a terminal can show: unicode where the locale is UTF-8 and TERM is no console."""
    utf8 = encoding.lower().replace("-", "") == "utf8"
    return UNICODE if utf8 and term not in ("linux", "dumb", "vt100") else ASCII
