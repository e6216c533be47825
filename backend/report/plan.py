"""A plan of a change as text, as a shell script, and as data."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

import msgspec

from backend.model.plan import Plan, RunEvent
from backend.present.glyphs import Glyphs
from backend.present.plans import DANGERS, broken, holding, impossible, undo_text


def plan_lines(plan: Plan, glyphs: Glyphs) -> Iterator[str]:
    """Yield everything that should be known before it is done, what matters most first."""
    yield plan.title
    if not plan.ready:
        yield impossible(plan)
    for objection, remedy in broken(plan.conditions):
        yield f"  {glyphs.warning} {objection}"
        if remedy:
            yield f"      {remedy}"
    if not plan.steps and plan.ready:
        yield "nothing to do: the host is in that state"
    if plan.steps:
        yield f"danger: {plan.danger.value}: {DANGERS[plan.danger]}"
        yield f"undo: {undo_text(plan)}"
        if plan.must_type:
            yield f"protected: {plan.must_type}"
        if plan.unseen:
            yield "this was only ever seen on the simulated host, never on a real kernel"
        yield from _listed("consequences", plan.consequences, glyphs.separator)
        yield "steps:"
    for number, step in enumerate(plan.steps, 1):
        yield f"  {number} {step.text}"
        yield f"      {step.where}: {step.old or glyphs.none} {glyphs.arrow} {step.new or glyphs.none}"
    yield from _listed("holds", holding(plan.conditions), glyphs.marked)


def _listed(title: str, texts: Sequence[str], sign: str) -> Iterator[str]:
    if texts:
        yield f"{title}:"
    for text in texts:
        yield f"  {sign} {text}"


SHELL = "#!/bin/sh"
"""The first line of a script."""


def script_lines(plan: Plan) -> Iterator[str]:
    """Yield a script for a root shell that does the same, without any of the questions asked on the way."""
    yield SHELL
    yield from script_body(plan)


def script_body(plan: Plan) -> Iterator[str]:
    """Yield the same without the first line: a part of a longer script."""
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
