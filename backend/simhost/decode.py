"""From a TOML table to a dataclass, with errors that say where, what, and what would be allowed."""

from __future__ import annotations

import dataclasses
import difflib
import types
from collections.abc import Mapping
from typing import Any, Literal, TypeVar, Union, get_args, get_origin, get_type_hints

T = TypeVar("T")


class ScenarioError(ValueError):
    """A scenario file that does not say what it should. The message names file, key and remedy."""


def decode(kind: type[T], table: Mapping[str, object], where: str) -> T:
    """Return ``table`` as an instance of the dataclass ``kind``. Raises ``ScenarioError``."""
    if not isinstance(table, Mapping):
        raise ScenarioError(f"{where}: a table is wanted here, not {_shown(table)}")
    hints = get_type_hints(kind)
    fields = {f.name: f for f in dataclasses.fields(kind)}  # type: ignore[arg-type]
    for key in table:
        if key not in fields:
            raise ScenarioError(f"{where}.{key}: no such key{guess(key, fields)}; allowed: {', '.join(sorted(fields))}")
    values: dict[str, Any] = {}
    for name, spec in fields.items():
        if name in table:
            values[name] = convert(hints[name], table[name], f"{where}.{name}")
        elif spec.default is dataclasses.MISSING and spec.default_factory is dataclasses.MISSING:
            raise ScenarioError(f"{where}.{name}: missing")
    return kind(**values)


def convert(kind: Any, value: object, where: str) -> Any:
    """Return a value as the annotated type ``kind``. Raises ``ScenarioError``."""
    origin = get_origin(kind)
    if origin is Literal:
        allowed = get_args(kind)
        if value not in allowed:
            known = [str(a) for a in allowed]
            hint = guess(str(value), known)
            raise ScenarioError(f"{where}: {_shown(value)} is not known{hint}; allowed: {', '.join(known)}")
        return value
    if origin in (Union, types.UnionType):
        choices = [a for a in get_args(kind) if a is not type(None)]
        chosen = next((a for a in choices if isinstance(a, type) and type(value) is a), choices[0])
        return convert(chosen, value, where)
    if origin is tuple:
        if not isinstance(value, list):
            raise ScenarioError(f"{where}: a list is wanted, not {_shown(value)}")
        inner = get_args(kind)[0]
        return tuple(convert(inner, item, f"{where}[{number}]") for number, item in enumerate(value))
    if origin in (dict, Mapping):
        if not isinstance(value, dict):
            raise ScenarioError(f"{where}: a table is wanted, not {_shown(value)}")
        inner = get_args(kind)[1]
        return {key: convert(inner, item, f"{where}.{key}") for key, item in value.items()}
    if dataclasses.is_dataclass(kind):
        return decode(kind, value, where)  # type: ignore[arg-type]
    if kind is float and isinstance(value, int) and not isinstance(value, bool):
        return float(value)
    if not isinstance(value, kind) or (kind is int and isinstance(value, bool)):
        raise ScenarioError(f"{where}: {_NAMES.get(kind, kind.__name__)} is wanted, not {_shown(value)}")
    return value


_NAMES = {int: "a whole number", float: "a number", str: "a text", bool: "true or false"}


def guess(text: str, known: Mapping[str, object] | list[str]) -> str:
    """Return ``; did you mean X?``, or nothing."""
    folded = {name.casefold(): name for name in known}
    close = difflib.get_close_matches(text.casefold(), list(folded), 1)
    return f"; did you mean {folded[close[0]]!r}?" if close else ""


def _shown(value: object) -> str:
    text = repr(value)
    return text if len(text) <= 60 else text[:57] + "..."
