"""Where a host's facts come from."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

SourceKind = Literal["live", "tree", "capture", "simulated"]
"""live: this machine; tree: files somewhere (a container's view); capture: a record of another moment; simulated:
nothing is real."""


@dataclass(frozen=True, slots=True)
class Source:
    """Where a host's facts come from; every face shows it."""

    kind: SourceKind
    detail: str = ""
    """The scenario's name, or the roots of the tree."""
