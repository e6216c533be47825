"""What a theme says: colours with a meaning, and the look of every role and part."""

from __future__ import annotations

from collections.abc import Mapping
from typing import NamedTuple

from themes.style import Style

COLORS = (
    "background",
    "surface",
    "selection",
    "line",
    "text",
    "bright",
    "muted",
    "accent",
    "special",
    "good",
    "warning",
    "danger",
    "inverse",
)
"""Every theme gives each of these a value.

``surface`` lies behind bars and dialogs, ``selection`` behind the row under the cursor, ``line`` draws guides and
rules, ``inverse`` is text on a badge.
"""

ROLES: Mapping[str, str] = {
    "text": "text",
    "id": "bright",
    "muted": "muted",
    "host": "text",
    "vfio": "text",
    "idle": "muted",
    "ready": "good",
    "passthrough": "accent",
    "trap": "special",
    "mediated": "special",
    "vm": "bright",
    "held": "text",
    "free": "good",
    "good": "good",
    "warning": "warning",
    "danger": "bold danger",
    "hidden": "italic muted",
    "stale": "italic muted",
}
"""What a value may mean (``backend.present.columns.Role``), and how it looks unless a theme says otherwise."""

PARTS: Mapping[str, str] = {
    "base": "text on background",
    "bar": "text on surface",
    "bar-muted": "muted on surface",
    "brand": "bold accent on surface",
    "hostname": "bold bright on surface",
    "read-only": "bold inverse on good",
    "write": "bold inverse on danger",
    "simulated": "bold inverse on warning",
    "foreign": "bold inverse on special",
    "live": "good on surface",
    "paused": "bold warning on surface",
    "stale": "bold warning on surface",
    "failed": "bold danger on surface",
    "finding": "bold warning on background",
    "finding-error": "bold danger on background",
    "column-title": "muted on background",
    "guide": "line",
    "fold": "muted",
    "pf": "bold bright",
    "cursor": "on selection",
    "cursor-bar": "accent",
    "cursor-blurred": "on surface",
    "changed": "bold",
    "changed-mark": "bold accent",
    "title": "bold bright",
    "heading": "bold accent",
    "label": "muted",
    "rule": "line on background",
    "key": "bold accent on surface",
    "key-text": "muted on surface",
    "message": "bright on surface",
    "message-warning": "bold warning on surface",
    "input": "bright on surface",
    "hint": "muted on surface",
    "error": "bold danger on surface",
    "dialog": "on surface",
    "dialog-title": "bold bright on surface",
    "dialog-cursor": "accent on surface",
    "heading-bar": "bold accent on surface",
    "button": "bright on selection",
    "button-here": "bold inverse on accent",
    "button-danger": "bold inverse on danger",
    "notice": "bold bright",
    "notice-text": "muted",
}
"""Every part of the screen that is not a value, and how it looks unless a theme says otherwise."""


class ThemeSpec(NamedTuple):
    """A theme, checked and complete."""

    name: str
    title: str
    dark: bool
    ansi: bool
    """Whether it uses only the colours of the terminal."""
    colors: Mapping[str, str]
    roles: Mapping[str, Style]
    parts: Mapping[str, Style]
