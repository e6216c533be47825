"""A validator for the part of JSON Schema that our own schema uses; any other keyword is an error.

Compiled once into functions: a property test judges a thousand documents.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

Check = Callable[[Any, str], None]

_TYPES: dict[str, Callable[[Any], bool]] = {
    "object": lambda v: isinstance(v, dict),
    "array": lambda v: isinstance(v, list),
    "string": lambda v: isinstance(v, str),
    "integer": lambda v: isinstance(v, int) and not isinstance(v, bool),
    "number": lambda v: isinstance(v, int | float) and not isinstance(v, bool),
    "boolean": lambda v: isinstance(v, bool),
    "null": lambda v: v is None,
}
_ANNOTATIONS = frozenset({"$schema", "$defs", "title", "description", "default"})


class NotValidError(AssertionError):
    """A document that is not what its schema says."""


class Validator:
    """Judges documents by a schema."""

    def __init__(self, schema: dict[str, Any]) -> None:
        self._definitions = schema.get("$defs", {})
        self._known: dict[str, Check] = {}
        self._check = self._compile(schema)

    def __call__(self, document: Any) -> None:
        """Raise ``NotValidError`` unless the document is valid."""
        self._check(document, "$")

    def _compile(self, schema: dict[str, Any]) -> Check:
        checks = [self._keyword(name, schema) for name in schema if name not in _ANNOTATIONS]

        def check(value: Any, where: str) -> None:
            for one in checks:
                one(value, where)

        return check

    def _keyword(self, name: str, schema: dict[str, Any]) -> Check:
        value = schema[name]
        if name == "$ref":
            return self._reference(value.removeprefix("#/$defs/"))
        if name == "type":
            return _demand(_TYPES[value], value)
        if name == "enum":
            return _demand(lambda v: v in value, f"one of {value}")
        if name == "const":
            return _demand(lambda v: v == value, repr(value))
        if name == "anyOf":
            return _any_of([self._compile(one) for one in value])
        if name == "required":
            return _demand(lambda v: not isinstance(v, dict) or all(key in v for key in value), f"with {value}")
        if name == "properties":
            return _properties({key: self._compile(one) for key, one in value.items()})
        if name == "additionalProperties":
            return _additional(self._compile(value), schema.get("properties", {}))
        if name == "items":
            return _items(self._compile(value))
        raise ValueError(f"no check for schema keyword {name}")

    def _reference(self, name: str) -> Check:
        def check(value: Any, where: str) -> None:
            if name not in self._known:
                self._known[name] = self._compile(self._definitions[name])
            self._known[name](value, where)

        return check


def _demand(holds: Callable[[Any], bool], what: str) -> Check:
    def check(value: Any, where: str) -> None:
        if not holds(value):
            raise NotValidError(f"{where}: {str(value)[:80]} is not {what}")

    return check


def _any_of(checks: list[Check]) -> Check:
    def check(value: Any, where: str) -> None:
        reasons = []
        for one in checks:
            try:
                return one(value, where)
            except NotValidError as error:
                reasons.append(str(error))
        raise NotValidError("; ".join(reasons))

    return check


def _properties(checks: dict[str, Check]) -> Check:
    def check(value: Any, where: str) -> None:
        if isinstance(value, dict):
            for key, one in checks.items():
                if key in value:
                    one(value[key], f"{where}.{key}")

    return check


def _additional(one: Check, known: dict[str, Any]) -> Check:
    def check(value: Any, where: str) -> None:
        if isinstance(value, dict):
            for key in value.keys() - known.keys():
                one(value[key], f"{where}.{key}")

    return check


def _items(one: Check) -> Check:
    def check(value: Any, where: str) -> None:
        if isinstance(value, list):
            for position, item in enumerate(value):
                one(item, f"{where}[{position}]")

    return check
