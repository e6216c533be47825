"""Themes: one TOML file each, and the loader.

``load("dark")`` reads ``dark.toml`` from the user's directory if it is there, else the one shipped here. A file
gives ``[colors]`` (all of ``themes.spec.COLORS``) and may change the look of single roles and parts::

    title = "Mine"
    dark = true

    [colors]
    background = "#10141c"
    ...

    [roles]
    passthrough = "bold accent"
"""

from __future__ import annotations

import difflib
import os
import tomllib
from collections.abc import Iterable, Mapping
from importlib.resources import files
from pathlib import Path
from typing import Any

from themes.spec import COLORS, PARTS, ROLES, ThemeSpec
from themes.style import ANSI_COLORS, BadStyleError, Style, is_color, parse_style

DEFAULT = "dark"
_TOP = ("title", "dark", "ansi", "colors", "roles", "parts")


class ThemeError(ValueError):
    """A theme that cannot be used. The message names the file, the key and what was probably meant."""


def user_directory() -> Path:
    """Return where a user's own themes lie: ``$XDG_CONFIG_HOME/iovtop/themes``."""
    base = os.environ.get("XDG_CONFIG_HOME") or "~/.config"
    return Path(base).expanduser() / "iovtop" / "themes"


def names() -> list[str]:
    """Return the names of all themes, the shipped ones and the user's, sorted."""
    shipped = {entry.name.removesuffix(".toml") for entry in files(__name__).iterdir() if entry.name.endswith(".toml")}
    try:
        own = {path.stem for path in user_directory().glob("*.toml")}
    except OSError:
        own = set()
    return sorted(shipped | own)


def load(name: str) -> ThemeSpec:
    """Return the theme ``name``, or raise ``ThemeError``."""
    known = names()
    if name not in known:
        raise ThemeError(f"no theme {name!r}{_suggest(name, known)}; themes: {', '.join(known)}")
    own = user_directory() / f"{name}.toml"
    try:
        if own.is_file():
            return parse(own.read_text("utf-8"), name, str(own))
        return parse((files(__name__) / f"{name}.toml").read_text("utf-8"), name, f"themes/{name}.toml")
    except (OSError, UnicodeDecodeError) as error:
        raise ThemeError(f"{own}: {error}") from error


def parse(text: str, name: str, file: str) -> ThemeSpec:
    """Return the theme that the TOML ``text`` describes, or raise ``ThemeError`` naming ``file`` and key."""
    try:
        data = tomllib.loads(text)
    except tomllib.TOMLDecodeError as error:
        raise ThemeError(f"{file}: {error}") from error
    _known_keys(file, "", data, _TOP)
    colors = _colors(file, _table(file, data, "colors"))
    return ThemeSpec(
        name=name,
        title=_typed(file, data, "title", str, name),
        dark=_typed(file, data, "dark", bool, True),
        ansi=_typed(file, data, "ansi", bool, False),
        colors=colors,
        roles=_styles(file, "roles", _table(file, data, "roles"), ROLES, colors),
        parts=_styles(file, "parts", _table(file, data, "parts"), PARTS, colors),
    )


def _colors(file: str, table: Mapping[str, Any]) -> dict[str, str]:
    _known_keys(file, "colors.", table, COLORS)
    missing = [color for color in COLORS if color not in table]
    if missing:
        raise ThemeError(f"{file}: [colors] lacks {', '.join(missing)}")
    for key, value in table.items():
        if not isinstance(value, str) or not is_color(value):
            hint = _suggest(value, ANSI_COLORS) if isinstance(value, str) else ""
            raise ThemeError(f"{file}: colors.{key}: {value!r} is no colour{hint}; write #rrggbb or a terminal colour")
    return dict(table)


def _styles(
    file: str, section: str, table: Mapping[str, Any], defaults: Mapping[str, str], colors: Mapping[str, str]
) -> dict[str, Style]:
    _known_keys(file, f"{section}.", table, defaults)
    styles = {}
    for key, default in defaults.items():
        text = _typed(file, table, key, str, default, f"{section}.")
        try:
            styles[key] = parse_style(text, colors)
        except BadStyleError as error:
            raise ThemeError(f"{file}: {section}.{key}: {error}{_suggest(error.word, COLORS)}") from error
    return styles


def _table(file: str, data: Mapping[str, Any], key: str) -> Mapping[str, Any]:
    table: Mapping[str, Any] = _typed(file, data, key, dict, {})
    return table


def _typed(file: str, data: Mapping[str, Any], key: str, kind: type, default: Any, prefix: str = "") -> Any:
    value = data.get(key, default)
    if not isinstance(value, kind):
        raise ThemeError(f"{file}: {prefix}{key}: {value!r} is no {kind.__name__}")
    return value


def _known_keys(file: str, prefix: str, table: Iterable[str], known: Iterable[str]) -> None:
    for key in table:
        if key not in known:
            raise ThemeError(f"{file}: unknown key {prefix}{key}{_suggest(key, known)}")


def _suggest(word: str, known: Iterable[str]) -> str:
    near = difflib.get_close_matches(word, list(known), 1)
    return f" (did you mean {near[0]!r}?)" if near else ""
