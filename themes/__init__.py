"""Themes: one TOML file each, and the loader.

``load("dark", folder)`` reads ``dark.toml`` in the user's ``folder`` if it is there, else the one shipped here. A
file gives ``[colors]`` (all of ``themes.spec.COLORS``) and may change the look of single roles and parts::

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
import tomllib
from collections.abc import Iterable, Mapping
from pathlib import Path, PurePath
from typing import Any

from themes.spec import COLORS, PARTS, ROLES, ThemeSpec
from themes.style import ANSI_COLORS, BadStyleError, Style, is_color, parse_style

DEFAULT = "dark"
_FOLDER = Path(__file__).parent
_TOP = ("title", "dark", "ansi", "colors", "roles", "parts")


class ThemeError(ValueError):
    """A theme that cannot be used. The message names the file, the key and what was probably meant.

    Attributes:
        brief: the message with the name of the file for its path, where there is little room.
    """

    def __init__(self, reason: str, file: str = "") -> None:
        super().__init__(f"{file}: {reason}" if file else reason)
        self.brief = f"{PurePath(file).name}: {reason}" if file else reason


def names(folder: Path | None = None) -> list[str]:
    """Return the names of all themes, the shipped ones and the user's in ``folder``, sorted."""
    return sorted(_shipped() | _own(folder).keys())


def own_file(name: str, folder: Path | None) -> Path | None:
    """Return the user's file of a theme; None for one that is only shipped, or not known at all."""
    return _own(folder).get(name)


def load(name: str, folder: Path | None = None) -> ThemeSpec:
    """Return the theme ``name``, the user's in ``folder`` before the shipped one, or raise ``ThemeError``."""
    own = own_file(name, folder)
    if own is None and name not in _shipped():
        known = names(folder)
        raise ThemeError(f"no theme {name!r}{_suggest(name, known)}; themes: {', '.join(known)}")
    file = str(own) if own is not None else f"themes/{name}.toml"
    try:
        text = (own or _FOLDER / f"{name}.toml").read_text("utf-8")
    except UnicodeDecodeError as error:
        raise ThemeError("is no UTF-8 text", file) from error
    except OSError as error:
        raise ThemeError(f"cannot be read: {error.strerror}", file) from error
    return parse(text, name, file)


def parse(text: str, name: str, file: str) -> ThemeSpec:
    """Return the theme that the TOML ``text`` describes, or raise ``ThemeError`` naming ``file`` and key."""
    data = _toml(file, text)
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


def _shipped() -> set[str]:
    return {entry.name.removesuffix(".toml") for entry in _FOLDER.iterdir() if entry.name.endswith(".toml")}


def _own(folder: Path | None) -> dict[str, Path]:
    """Return the user's files by the names of their themes. Hidden ones are what editors leave lying about."""
    if folder is None:
        return {}
    try:
        paths = [path for path in folder.iterdir() if path.suffix == ".toml" and not path.name.startswith(".")]
        return {path.stem: path for path in paths if path.is_file()}
    except OSError:
        return {}


def _toml(file: str, text: str) -> dict[str, Any]:
    try:
        return tomllib.loads(text)
    except ValueError as error:  # not only TOMLDecodeError: a number of five thousand digits
        raise ThemeError(str(error), file) from error
    except RecursionError as error:
        raise ThemeError("is nested too deeply", file) from error


def _colors(file: str, table: Mapping[str, Any]) -> dict[str, str]:
    _known_keys(file, "colors.", table, COLORS)
    missing = [color for color in COLORS if color not in table]
    if missing:
        raise ThemeError(f"[colors] lacks {', '.join(missing)}", file)
    for key, value in table.items():
        if not isinstance(value, str) or not is_color(value):
            hint = _suggest(value, ANSI_COLORS) if isinstance(value, str) else ""
            raise ThemeError(f"colors.{key}: {value!r} is no colour{hint}; write #rrggbb or a terminal colour", file)
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
            raise ThemeError(f"{section}.{key}: {error}{_suggest(error.word, COLORS)}", file) from error
    return styles


def _table(file: str, data: Mapping[str, Any], key: str) -> Mapping[str, Any]:
    table: Mapping[str, Any] = _typed(file, data, key, dict, {})
    return table


def _typed(file: str, data: Mapping[str, Any], key: str, kind: type, default: Any, prefix: str = "") -> Any:
    value = data.get(key, default)
    if not isinstance(value, kind):
        raise ThemeError(f"{prefix}{key}: {value!r} is no {kind.__name__}", file)
    return value


def _known_keys(file: str, prefix: str, table: Iterable[str], known: Iterable[str]) -> None:
    for key in table:
        if key not in known:
            raise ThemeError(f"unknown key {prefix}{key}{_suggest(key, known)}", file)


def _suggest(word: str, known: Iterable[str]) -> str:
    near = difflib.get_close_matches(word, list(known), 1)
    return f" (did you mean {near[0]!r}?)" if near else ""
