"""Whose turn it is: migrations share PFs and links, and only so many of each may be under way at once."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Sequence
from urllib.parse import urlsplit

from backend.migration.jobs.folder import JobFolder, NoJob
from backend.model.job import Job, JobState, Move


class Turn:
    """The turn of one job among those that were asked for before it.

    Each looks at lower numbers only: so nobody needs a lock, and the lowest is never kept waiting.

    Args:
        state: returns how a job stands.
    """

    def __init__(self, folder: JobFolder, job: Job, state: Callable[[Job], JobState]) -> None:
        self._folder = folder
        self._job = job
        self._state = state
        self._before = [number for number in folder.numbers() if number < job.number]

    def waits_for(self) -> str:
        """Return what the job waits for; "" = it is its turn."""
        before: list[Move] = []
        while len(before) < len(self._before):
            try:
                other = self._folder.read(self._before[len(before)])
                goes_on = self._state(other) in (JobState.STARTING, JobState.RUNNING)
            except NoJob:
                goes_on = False
            if not goes_on:
                del self._before[len(before)]
                continue
            before.append(other.move)
            if words := waits_for(self._job.move, before):
                return words  # those that come later can only add to it
        return ""


def waits_for(move: Move, before: Sequence[Move]) -> str:
    """Return what a migration waits for; "" = it may begin.

    Args:
        before: those that were asked for before it and have not ended.
    """
    for parent, own in Counter(move.parents).items():
        others = sum(other.parents.count(parent) for other in before)
        if others and others + own > move.limits.per_pf:
            return f"{others} of the {move.limits.per_pf} functions of {parent} that may move at once are before it"
    link = link_of(move)
    others = sum(link_of(other) == link for other in before)
    if others >= move.limits.per_link:
        return f"{others} of the {move.limits.per_link} VMs that may move at once {_over(link)} are before it"
    return ""


def link_of(move: Move) -> str:
    """Return what a migration's data goes over: the name of the other host; "" = none, it stays on this one."""
    if move.host:
        return move.host
    if move.libvirt:
        return urlsplit(move.destination).hostname or ""
    kind, _, rest = move.uri.partition(":")
    return rest.rpartition(":")[0] if kind == "tcp" else ""


def _over(link: str) -> str:
    return f"to {link}" if link else "within this host"
