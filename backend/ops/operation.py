"""A plan together with what does it: every step's action, and its questions to the host before and after."""

from __future__ import annotations

import shlex
from collections.abc import Awaitable, Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from backend.model.plan import Danger, Plan, Step
from backend.ops.actions import Action, LoadModule, WriteFile
from backend.ops.checks import Check, ModuleLoaded
from backend.ops.errors import Refused
from backend.ops.world import World

Progress = Callable[[World], tuple[int, int]]
"""Tells how far a step is: done, total."""


@dataclass(frozen=True, slots=True)
class Work:
    """One step and how it is done."""

    step: Step
    action: Action
    before: tuple[Check, ...] = ()
    """Asked of a fresh world right before; all must hold, or nothing more is done."""
    after: tuple[Check, ...] = ()
    """Read back until they hold, or ``settle`` seconds have passed."""
    settle: float = 10.0
    progress: Progress | None = None
    always: bool = False
    """Whether it is done even when a step before it failed: what puts a switch back."""
    told: str = ""
    """What the action itself has read back when it returns; "" where ``after`` does that, or nothing."""


@dataclass(frozen=True, slots=True)
class Outcome:
    """How the host will be after an operation, as far as later ones of the same plan build upon it."""

    devices: Mapping[str, Mapping[str, Any] | None] = field(default_factory=dict)
    """Device → fields that will differ; None = it will be gone."""
    files: Mapping[str, str] = field(default_factory=dict)
    """Path → what it will read."""


@dataclass(frozen=True, slots=True)
class Operation:
    """A plan and its work, step by step in the same order."""

    plan: Plan
    work: tuple[Work, ...]
    outcome: Outcome = field(default_factory=Outcome)


def write(
    path: str,
    value: str,
    *,
    text: str,
    old: str | None,
    before: tuple[Check, ...] = (),
    after: tuple[Check, ...] = (),
    expected: str = "",
    settle: float = 10.0,
    progress: Progress | None = None,
    always: bool = False,
    patience: float | None = None,
) -> Work:
    """Return the work of one write to a file of the kernel, with its step.

    Args:
        old: what it reads now; None or "" where it has no value of its own.
        expected: what is read back; by default, that the file reads ``value``.
    """
    shown = expected or f"reads {value}"
    step = Step(text, path, old or "", value, f"echo {shlex.quote(value)} > {shlex.quote(path)}", shown)
    action = WriteFile(path, value) if patience is None else WriteFile(path, value, patience)
    return Work(step, action, before, after, settle, progress, always)


def load(module: str) -> Work:
    """Return the work of loading a kernel module, with its step."""
    shell = f"modprobe --use-blacklist -- {shlex.quote(module)}"
    step = Step(f"load the module {module}", f"module {module}", "not loaded", "loaded", shell, "it is loaded")
    return Work(step, LoadModule(module), after=(ModuleLoaded(module),))


async def in_turn(
    world: World, requests: Iterable[tuple[Callable[[Any, World], Awaitable[Operation]], Any]]
) -> Operation:
    """Plan requests one after the other, each for the host as those before it will leave it; return one operation."""
    operations = []
    for planner, request in requests:
        operation = await planner(request, world)
        world.suppose(operation.outcome.devices, operation.outcome.files)
        operations.append(operation)
    return merged(operations)


def merged(operations: Sequence[Operation]) -> Operation:
    """Return several operations as one, run one after the other."""
    if len(operations) == 1:
        return operations[0]
    plans = [operation.plan for operation in operations]
    typed = {plan.must_type for plan in plans if plan.must_type}
    if len(typed) > 1:
        raise Refused(f"{' and '.join(sorted(typed))} are protected", "change one protected device at a time")
    plan = Plan(
        asked=tuple(request for plan in plans for request in plan.asked),
        title=f"{plans[0].title}, and {len(plans) - 1} more",
        devices=tuple(dict.fromkeys(device for plan in plans for device in plan.devices)),
        conditions=tuple(dict.fromkeys(condition for plan in plans for condition in plan.conditions)),
        steps=tuple(step for plan in plans for step in plan.steps),
        consequences=tuple(dict.fromkeys(text for plan in plans for text in plan.consequences)),
        undo=tuple(request for plan in reversed(plans) for request in plan.undo),
        no_undo="; ".join(dict.fromkeys(plan.no_undo for plan in plans if plan.no_undo)),
        danger=max((plan.danger for plan in plans), key=list(Danger).index),
        must_type=next(iter(typed), ""),
        unseen=any(plan.unseen for plan in plans),
    )
    devices: dict[str, Mapping[str, Any] | None] = {}
    files: dict[str, str] = {}
    for outcome in (operation.outcome for operation in operations):
        for device, fields in outcome.devices.items():
            devices[device] = None if fields is None else {**(devices.get(device) or {}), **fields}
        files |= outcome.files
    work = tuple(work for operation in operations for work in operation.work)
    return Operation(plan, work, Outcome(devices, files))
