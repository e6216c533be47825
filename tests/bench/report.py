"""What a section hands back, and how it is printed."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any


class Skip(Exception):
    """Something cannot be measured here; the message says why."""


@dataclass(frozen=True, slots=True)
class Target:
    """An upper limit and the figure held against it."""

    what: str
    value: float
    limit: float

    @property
    def met(self) -> bool:
        """Return whether the figure is within the limit."""
        return self.value <= self.limit

    def line(self) -> str:
        """Return the one line that is printed below the table."""
        verdict = "met" if self.met else "MISSED"
        return f"{self.what}: **{self.value:.2f}** (target ≤ {self.limit:.2f}, {verdict})"


@dataclass(slots=True)
class Report:
    """One section: a table, the targets, and what was left out and why."""

    name: str
    title: str
    columns: Sequence[str] = ()
    rows: list[list[str]] = field(default_factory=list)
    targets: list[Target] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)
    skipped: dict[str, str] = field(default_factory=dict)
    failures: dict[str, str] = field(default_factory=dict)
    figures: dict[str, float] = field(default_factory=dict)
    """Every figure behind the table, by name, for --json."""

    def row(self, *cells: str | float | None) -> None:
        """Add a row; numbers get three significant digits, None a dash."""
        self.rows.append([number(cell) if not isinstance(cell, str) else cell for cell in cells])

    def markdown(self) -> str:
        """Return the section as Markdown."""
        lines = [f"## {self.name}: {self.title}", ""]
        if self.rows:
            lines.append("| " + " | ".join(self.columns) + " |")
            lines.append("|" + "---|" * len(self.columns))
            lines += ["| " + " | ".join(row) + " |" for row in self.rows]
            lines.append("")
        lines += [f"- {target.line()}" for target in self.targets]
        lines += [f"- {note}" for note in self.notes]
        lines += [f"- skipped: {what}: {why}" for what, why in self.skipped.items()]
        lines += [f"- FAILED: {what}: {why}" for what, why in self.failures.items()]
        return "\n".join(lines).rstrip() + "\n"

    def as_json(self) -> dict[str, Any]:
        """Return the section for a JSON file."""
        return {
            "title": self.title,
            "figures": self.figures,
            "targets": [{"what": t.what, "value": t.value, "limit": t.limit, "met": t.met} for t in self.targets],
            "notes": self.notes,
            "skipped": self.skipped,
            "failures": self.failures,
        }


def number(value: float | None) -> str:
    """Return a number with three significant digits and no exponent; None as a dash."""
    if value is None:
        return "–"
    if value and abs(value) < 100:
        digits = 2
        while abs(value) * 10 ** (digits - 2) < 1 and digits < 6:
            digits += 1
        return f"{value:.{digits}f}"
    return f"{value:.0f}"
