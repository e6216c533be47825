"""What a plan says, told once: lines that differ only in the device they name are one line."""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence

from backend.model.plan import Condition, Danger, Plan

_DEVICE = re.compile(
    r"\b(?:[0-9a-f]{4,8}:[0-9a-f]{2}:[0-9a-f]{2}\.[0-7]"
    r"|[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12})"
)
_FEW = 3
"""So many alike are named one by one."""
MOST_BROKEN = 8
"""So many conditions that do not hold are told; they are the first to be mended."""


DANGERS = {
    Danger.REVERSIBLE: "undo brings everything back",
    Danger.DISRUPTIVE: "somebody may notice, or undo does not bring everything back",
    Danger.DESTRUCTIVE: "the host itself depends on the device",
}


def impossible(plan: Plan) -> str:
    """Return that a plan cannot be run now; "" where it can."""
    count = len(plan.broken)
    return f"not possible now: {count} condition{'s do' if count != 1 else ' does'} not hold" if count else ""


def undo_text(plan: Plan) -> str:
    """Return what undo brings back, in one line."""
    if not plan.undo:
        return plan.no_undo or "none"
    return f"yes, but {plan.no_undo}" if plan.no_undo else "yes, everything"


def merged(texts: Iterable[str]) -> list[str]:
    """Return the texts, those that differ only in one device's id as one: ``nobody holds A to Z (125 of them)``."""
    alike: dict[tuple[str, ...], list[tuple[str, str]]] = {}
    for text in texts:
        ids = _DEVICE.findall(text)
        around = tuple(_DEVICE.split(text, maxsplit=1)) if len(ids) == 1 else (text,)
        alike.setdefault(around, []).append((text, ids[0] if ids else ""))
    lines: list[str] = []
    for around, found in alike.items():
        if len(around) == 1 or len(found) <= _FEW:
            lines += [text for text, _ in found]
        else:
            lines.append(f"{around[0]}{found[0][1]} to {found[-1][1]} ({len(found)} of them){around[1]}")
    return lines


def holding(conditions: Iterable[Condition]) -> list[str]:
    """Return what holds, in few lines."""
    return merged(condition.text for condition in conditions if condition.holds)


def broken(conditions: Sequence[Condition]) -> list[tuple[str, str]]:
    """Return what does not hold with its remedy, a remedy of several in a row behind the last of them."""
    told = [condition for condition in conditions if not condition.holds]
    lines = [(condition.objection, condition.remedy) for condition in told[:MOST_BROKEN]]
    for place, (objection, remedy) in enumerate(lines[:-1]):
        if remedy == lines[place + 1][1]:
            lines[place] = (objection, "")
    if len(told) > MOST_BROKEN:
        lines.append((f"and {len(told) - MOST_BROKEN} more do not hold", ""))
    return lines
