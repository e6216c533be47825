"""How far away the terminal is, and what that asks of the screen."""

from __future__ import annotations

import os
import re
import select
import termios
import tty
from collections.abc import Mapping, MutableMapping
from dataclasses import replace
from time import monotonic
from typing import Any

from backend.cli.settings import Settings

FAR = 0.08
"""Seconds for a question and its answer from which a link is slow."""
PATIENCE = 1.0
"""Seconds to wait for the answer."""
LEAST_INTERVAL = 3.0
FRAMES = 10

_WHERE = b"\x1b[6n"
_HERE = re.compile(rb"\x1b\[\d+;\d+R")
_SYSTEMS = {"truecolor": "truecolor", "256": "256", "16": "standard", "none": "auto", "auto": "auto"}


def prepare(settings: Settings, environ: MutableMapping[str, str], terminal: int = 0) -> tuple[Settings, bool]:
    """Return the settings for this terminal, and whether its link is slow; tell Textual by ``environ``.

    Textual reads its variables when it is imported: this must come before.
    """
    slow = settings.slow == "yes" or (settings.slow == "auto" and _is_far(environ, terminal))
    if slow:
        settings = sparing(settings)
        environ["TEXTUAL_FPS"] = str(FRAMES)
    environ["TEXTUAL_ANIMATIONS"] = "none"
    environ["TEXTUAL_SMOOTH_SCROLL"] = "0"
    environ["TEXTUAL_COLOR_SYSTEM"] = _SYSTEMS[settings.color]
    if settings.color == "none":
        environ["NO_COLOR"] = "1"
    elif settings.color != "auto":
        environ.pop("NO_COLOR", None)
    return settings, slow


def sparing(settings: Settings) -> Settings:
    """Return the settings for a slow link; what was typed on the command line stays."""
    spared: dict[str, Any] = {"interval": max(settings.interval, LEAST_INTERVAL), "mouse": False}
    if settings.color == "auto" and "theme" not in settings.typed:
        spared["color"] = "16"
    return replace(settings, **{name: value for name, value in spared.items() if name not in settings.typed})


def _is_far(environ: Mapping[str, str], terminal: int) -> bool:
    if not environ.get("SSH_CONNECTION"):
        return False
    taken = round_trip(terminal)
    return taken is not None and taken > FAR


def round_trip(terminal: int, patience: float = PATIENCE) -> float | None:
    """Ask the terminal where its cursor is; return the seconds that the answer took, None when none came."""
    try:
        before = termios.tcgetattr(terminal)
    except termios.error:
        return None
    answer = b""
    try:
        tty.setcbreak(terminal, termios.TCSANOW)
        start = monotonic()
        os.write(terminal, _WHERE)
        while (left := start + patience - monotonic()) > 0:
            if select.select([terminal], [], [], left)[0]:
                answer += os.read(terminal, 64)
                if _HERE.search(answer):
                    return monotonic() - start
    except OSError:
        return None
    finally:
        termios.tcsetattr(terminal, termios.TCSANOW, before)
    return None
