"""What this terminal can show."""

from __future__ import annotations

import os
import sys
from collections.abc import Mapping
from dataclasses import dataclass
from enum import IntEnum

import themes
from backend.present.glyphs import ASCII, UNICODE, Glyphs, glyphs_for


class Depth(IntEnum):
    """How many colours a terminal shows."""

    NONE = 0
    SIXTEEN = 16
    PALETTE = 256
    TRUE = 1 << 24


@dataclass(frozen=True, slots=True)
class Capabilities:
    """What is known of the terminal."""

    depth: Depth
    no_color: bool
    """Whether the user asked for no colour at all (``NO_COLOR``, https://no-color.org)."""
    dumb: bool
    """Whether it cannot even place the cursor."""
    glyphs: Glyphs

    def theme(self, wanted: str) -> str:
        """Return the theme to use where the user wants ``wanted``: what the terminal cannot show is replaced.

        The default theme stands for "choose for me"; any other was chosen on purpose and stays, unless the
        user also said NO_COLOR.
        """
        if self.no_color or self.depth is Depth.NONE:
            return "mono"
        if wanted in ("", "auto", themes.DEFAULT):
            return "ansi" if self.depth is Depth.SIXTEEN else themes.DEFAULT
        return wanted


_DEPTHS = {"truecolor": Depth.TRUE, "256": Depth.PALETTE, "16": Depth.SIXTEEN, "none": Depth.NONE}


def detect(
    environ: Mapping[str, str] = os.environ, encoding: str | None = None, glyphs: str = "auto", color: str = "auto"
) -> Capabilities:
    """Return what the terminal can show, told by the environment, or by the user.

    ``glyphs`` is auto, unicode or ascii; ``color`` is auto, truecolor, 256, 16 or none.
    """
    term = environ.get("TERM", "")
    dumb = term in ("", "dumb", "unknown")
    charset = encoding if encoding is not None else (sys.stdout.encoding or "")
    chosen = {"unicode": UNICODE, "ascii": ASCII}.get(glyphs) or glyphs_for(charset, term)
    depth = _DEPTHS[color] if color != "auto" else _depth(environ, term, dumb)
    no_color = depth is Depth.NONE if color != "auto" else bool(environ.get("NO_COLOR"))
    return Capabilities(depth, no_color, dumb, chosen)


def _depth(environ: Mapping[str, str], term: str, dumb: bool) -> Depth:
    if dumb or term.startswith(("vt1", "vt2")):
        return Depth.NONE
    if environ.get("COLORTERM", "").strip().lower() in ("truecolor", "24bit"):
        return Depth.TRUE
    if term.endswith(("-256color", "-direct")) or term in ("xterm-kitty", "alacritty", "xterm-ghostty"):
        return Depth.PALETTE
    return Depth.SIXTEEN
