"""QMP's errors, with QEMU's own words."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any


class QmpError(Exception):
    """An answer that is an error."""

    def __init__(self, text: str, kind: str = "GenericError") -> None:
        super().__init__(text)
        self.text = text
        self.kind = kind


def argument(arguments: Mapping[str, Any], name: str) -> Any:
    """Return one argument of a command. Raises ``QmpError`` where it is missing."""
    if name not in arguments:
        raise QmpError(f"Parameter '{name}' is missing")
    return arguments[name]
