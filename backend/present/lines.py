"""Labelled lines below headings: what every detail is made of."""

from __future__ import annotations

from dataclasses import dataclass

from backend.present.columns import Cell


@dataclass(frozen=True, slots=True)
class Line:
    """One labelled fact."""

    label: str
    value: Cell
    extra: str = ""
    """Muted words behind the value: the source, a hint."""
    width: int = 0
    """Figures stand at the right end of so many cells, one below the other; 0 = at the left."""


@dataclass(frozen=True, slots=True)
class Section:
    """Lines under a heading."""

    title: str
    lines: tuple[Line, ...]
