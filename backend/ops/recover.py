"""Operations that had not ended: how the host stands now, and what can be done about each.

The journal says what was asked for; only the host says how far it is.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Sequence

from backend.host.doors import HostDoors
from backend.model.job import MIGRATE
from backend.model.operation import Entry, Standing, Unfinished
from backend.model.plan import Asked, Plan
from backend.ops.errors import OperationError
from backend.ops.waiting import still_waiting

Planner = Callable[[Sequence[Asked]], Awaitable[Plan]]
"""Plans requests against the host as it is now, as the one who settles the operation."""


async def look_at(entry: Entry, doors: HostDoors, boot_id: str, plan: Planner) -> Unfinished:
    """Return how an operation stands that has not ended.

    Args:
        boot_id: of the host as it runs now.
    """
    if entry.plan.asked and entry.plan.asked[0].verb == MIGRATE:
        return Unfinished(
            entry, Standing.UNDECIDED, "a migration is a job of its own, and ends its entry itself",
            "`iovtop jobs` says how it stands, and settles one whose process died",
        )  # fmt: skip
    waiting = still_waiting(entry, doors, boot_id)
    if waiting is not None:
        where = f"pid {waiting.pid}, {waiting.wchan or 'kernel function hidden'}"
        return Unfinished(
            entry, Standing.WAITING, f"a step still waits in the kernel: {waiting.path} ({where})",
            "it comes back when whoever holds the device lets go; then `iovtop recover` again",
        )  # fmt: skip
    restarted = "the host was started anew since; " if entry.boot_id != boot_id else ""
    finish, no_finish = await _planned(plan, entry.plan.asked)
    if finish is not None and not finish.steps:
        return Unfinished(entry, Standing.CLOSED, f"{restarted}the host is as it was asked for", "", finish)
    rollback, no_rollback = await _planned(plan, entry.plan.undo)
    if rollback is not None and not rollback.steps:
        begun = any(record.found is not None for record in entry.steps)
        lost = f", but {entry.plan.no_undo}" if begun and entry.plan.no_undo else ""
        text = f"{restarted}the host is as it was before{lost}"
        return Unfinished(entry, Standing.CLOSED, text, "", finish, rollback)
    number = entry.operation
    ways = [
        f"`iovtop recover {number} {word}` {does}"
        for word, does, way in (("finish", "does the rest", finish), ("rollback", "takes it back", rollback))
        if way is not None and way.ready
    ]
    if ways:
        done = sum(record.found is not None for record in entry.steps)
        text = f"{restarted}{done} of {len(entry.plan.steps)} steps were written down as done"
        return Unfinished(entry, Standing.OPEN, text, "; ".join(ways), finish, rollback)
    hindered = _hindrances(finish, no_finish) or _hindrances(rollback, no_rollback)
    return Unfinished(
        entry, Standing.UNDECIDED, f"{restarted}it can neither be finished nor taken back now: {hindered}",
        f"put that right and `iovtop recover` again; `iovtop recover {number} close` leaves the host as it is",
        finish, rollback, _by_hand(entry, finish),
    )  # fmt: skip


async def _planned(plan: Planner, requests: Sequence[Asked]) -> tuple[Plan | None, str]:
    """Return the plan, or why there is none."""
    if not requests:
        return None, "it has no way back"
    try:
        return await plan(requests), ""
    except OperationError as error:
        return None, error.told


def _hindrances(plan: Plan | None, why_none: str) -> str:
    return why_none if plan is None else "; ".join(filter(None, (plan.objections, plan.remedies)))


def _by_hand(entry: Entry, finish: Plan | None) -> tuple[str, ...]:
    """Return the commands of what is left to do."""
    if finish is not None:
        return tuple(step.shell for step in finish.steps)
    done = {record.step for record in entry.steps if record.found is not None}
    return tuple(step.shell for index, step in enumerate(entry.plan.steps) if index not in done)
