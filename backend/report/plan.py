"""A plan of a change as text, as a shell script, and as data."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import msgspec

from backend.model.plan import Danger, Plan, RunEvent
from backend.present.glyphs import Glyphs

_DANGERS = {
    Danger.REVERSIBLE: "can be taken back",
    Danger.DISRUPTIVE: "somebody may notice, or something is lost",
    Danger.DESTRUCTIVE: "the host itself hangs on it",
}


def plan_lines(plan: Plan, glyphs: Glyphs) -> Iterator[str]:
    """Yield everything that should be known before it is done."""
    yield plan.title
    if plan.conditions:
        yield "must hold:"
    for condition in plan.conditions:
        if condition.holds:
            yield f"  {glyphs.marked} {condition.text}"
        else:
            yield f"  {glyphs.warning} {condition.objection}"
            if condition.remedy:
                yield f"      {condition.remedy}"
    if not plan.steps:
        if plan.ready:
            yield "nothing to do: the host is in that state"
        return
    yield "steps:"
    for number, step in enumerate(plan.steps, 1):
        yield f"  {number} {step.text}"
        yield f"      {step.where}: {step.old or glyphs.none} {glyphs.arrow} {step.new or glyphs.none}"
    if plan.consequences:
        yield "consequences:"
    for text in plan.consequences:
        yield f"  {glyphs.separator} {text}"
    yield f"danger: {plan.danger.value}: {_DANGERS[plan.danger]}"
    yield f"undo: {undo_text(plan)}"
    if plan.must_type:
        yield f"protected: {plan.must_type}"
    if plan.unseen:
        yield "this was only ever seen on the simulated host, never on a real kernel"


def undo_text(plan: Plan) -> str:
    """Return what can be taken back, in one line."""
    if not plan.undo:
        return plan.no_undo or "none"
    return f"yes, but {plan.no_undo}" if plan.no_undo else "yes, everything"


def script_lines(plan: Plan) -> Iterator[str]:
    """Yield a script for a root shell that does the same, without any of the questions asked on the way."""
    yield "#!/bin/sh"
    yield f"# {plan.title}"
    for condition in plan.conditions:
        yield f"# holds: {condition.text}" if condition.holds else f"# DOES NOT HOLD: {condition.objection}"
    for text in plan.consequences:
        yield f"# {text}"
    yield "set -e"
    for number, step in enumerate(plan.steps, 1):
        yield f"# {number}. {step.text}"
        yield step.shell


def plan_data(plan: Plan) -> dict[str, Any]:
    """Return a plan as plain data."""
    data = msgspec.to_builtins(plan, enc_hook=_plain)
    return {"kind": "plan", "ready": plan.ready, **data}


def event_data(event: RunEvent) -> dict[str, Any]:
    """Return an event as plain data."""
    return {"kind": "event", **msgspec.to_builtins(event)}


def _plain(value: Any) -> Any:
    """Return an id as the text or number that it is underneath."""
    return int(value) if isinstance(value, int) else str(value)
