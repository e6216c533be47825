"""The signs that stand beside words. State is always a word; the glyph makes it quick to find."""

from __future__ import annotations

from dataclasses import dataclass

from backend.model.device import DataPath


@dataclass(frozen=True, slots=True)
class Glyphs:
    """One set of signs; each is one cell wide."""

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
    paths: dict[DataPath, str]


UNICODE = Glyphs(
    "unicode", "▾", "▸", "├", "└", "│", "—", "▲", "●", "*", "▌", "…", "·", "─", "│", "×", "→", "✓", "▴", "▾",
    {
        DataPath.IDLE: "·",
        DataPath.HOST: "h",
        DataPath.READY: "○",
        DataPath.PASSTHROUGH: "»",
        DataPath.TRAP: "◇",
        DataPath.MEDIATED: "◈",
    },
)  # fmt: skip

ASCII = Glyphs(
    "ascii", "v", ">", "|", "`", "|", "-", "!", "o", "*", ">", "~", "-", "-", "|", "x", ">", "+", "^", "v",
    {
        DataPath.IDLE: ".",
        DataPath.HOST: "h",
        DataPath.READY: "o",
        DataPath.PASSTHROUGH: ">",
        DataPath.TRAP: "t",
        DataPath.MEDIATED: "m",
    },
)  # fmt: skip


def glyphs_for(encoding: str, term: str) -> Glyphs:
    """Return the set that a terminal can show: unicode where the locale is UTF-8 and TERM is no console."""
    utf8 = encoding.lower().replace("-", "") == "utf8"
    return UNICODE if utf8 and term not in ("linux", "dumb", "vt100") else ASCII
