"""From a theme's file to styles on the screen."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from typing import TYPE_CHECKING

from rich.style import Style
from textual.theme import Theme

from backend.present.glyphs import Glyphs
from themes.spec import ThemeSpec
from themes.style import Style as StyleSpec

if TYPE_CHECKING:
    from backend.present.columns import Role


@cache
def rich_style(spec: StyleSpec) -> Style:
    """Return the style for Rich."""
    return Style(
        color=spec.color or None,
        bgcolor=spec.background or None,
        bold=spec.bold or None,
        dim=spec.dim or None,
        italic=spec.italic or None,
        underline=spec.underline or None,
        reverse=spec.reverse or None,
    )


class Look:
    """The styles of one theme.

    A ground is what lies behind a text: ``base``, the row under the cursor, a bar.
    """

    def __init__(self, spec: ThemeSpec) -> None:
        self.spec = spec
        self._roles: dict[str, Style] = {name: rich_style(style) for name, style in spec.roles.items()}
        self._parts = {name: rich_style(style) for name, style in spec.parts.items()}
        self._on_ground: dict[tuple[Style, str], Style] = {}

    @property
    def base(self) -> Style:
        """The style of plain text on the plain ground."""
        return self._parts["base"]

    def role(self, role: Role, ground: str = "") -> Style:
        """Return how a value with this meaning looks."""
        return self._over(self._roles[role], ground)

    def part(self, part: str, ground: str = "") -> Style:
        """Return how a part of the screen looks."""
        return self._over(self._parts[part], ground)

    def _over(self, style: Style, ground: str) -> Style:
        key = (style, ground)
        found = self._on_ground.get(key)
        if found is None:
            found = self._on_ground[key] = self.base + style + self._parts[ground] if ground else self.base + style
        return found


@dataclass(slots=True)
class Skin:
    """What every widget draws with. One object for the whole screen, changed in place."""

    look: Look
    glyphs: Glyphs
    serial: int = 0
    """Grows with every change, so that what was drawn before can be told from what is new."""

    def wear(self, look: Look) -> None:
        """Change to another theme."""
        self.look = look
        self.serial += 1


def textual_name(name: str) -> str:
    """Return the name under which Textual knows our theme ``name``: it takes commas for a list of names."""
    return "iovtop-" + re.sub(r"[,\s]", "_", name)


def textual_theme(spec: ThemeSpec) -> Theme:
    """Return the theme for the parts that Textual itself draws: scroll bars, the input, the palette."""
    color = {name: f"ansi_{value}" if not value.startswith("#") else value for name, value in spec.colors.items()}
    return Theme(
        name=textual_name(spec.name),
        primary=color["accent"],
        secondary=color["special"],
        accent=color["accent"],
        warning=color["warning"],
        error=color["danger"],
        success=color["good"],
        foreground=color["text"],
        background=None if spec.ansi else color["background"],
        surface=color["surface"],
        panel=color["surface"],
        dark=spec.dark,
        ansi=spec.ansi,
        variables=_variables(color) | (_ANSI_VARIABLES if spec.ansi else {}),
    )


_ANSI_VARIABLES = {"ansi-background": "ansi_default", "ansi-foreground": "ansi_default"}
"""Names that Textual's own style sheets use with such themes, and that only its own themes define."""


def _variables(color: Mapping[str, str]) -> dict[str, str]:
    return {
        "scrollbar": color["line"],
        "scrollbar-hover": color["muted"],
        "scrollbar-active": color["accent"],
        "scrollbar-background": color["background"],
        "scrollbar-background-hover": color["background"],
        "scrollbar-background-active": color["background"],
        "scrollbar-corner-color": color["background"],
        "iovtop-line": color["line"],
        "iovtop-selection": color["selection"],
        "iovtop-bright": color["bright"],
    }
