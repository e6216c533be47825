"""Where a VM runs after its migration ended, decided by what both sides say of themselves, never by the last event."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum

from backend.model.migration import Verdict, Where


class Stand(StrEnum):
    """How one side stands."""

    RUNNING = "running"
    PAUSED = "paused"
    """Its guest stands still, as it did before, or as somebody wanted."""
    SENT = "sent"
    """It has handed everything over (postmigrate)."""
    WAITING = "waiting"
    """It still waits for the guest (inmigrate)."""
    GONE = "gone"
    """Its process has ended."""
    SILENT = "silent"
    """Its process is there, and does not answer."""


STANDS = {
    "running": Stand.RUNNING,
    "inmigrate": Stand.WAITING,
    "postmigrate": Stand.SENT,
    "finish-migrate": Stand.SENT,
}
"""What ``query-status`` says, where it is not simply a guest that stands still."""


@dataclass(frozen=True, slots=True)
class Side:
    """One side, as it was found after the end."""

    name: str
    stand: Stand
    said: str = ""
    """``query-status`` and ``query-migrate`` in a few words, or why there is no answer."""


RESUME = "`cont` on the source's monitor"


def at_rest(source: Side, destination: Side) -> bool:
    """Return whether asking again would tell nothing new: the destination ends by itself when nothing comes."""
    if Stand.SILENT in (source.stand, destination.stand):
        return False
    alive = (Stand.RUNNING, Stand.PAUSED)
    if source.stand in alive:
        never_began = "migration none" in source.said or "migration none" in destination.said
        return destination.stand is not Stand.WAITING or never_began
    return destination.stand in (*alive, Stand.GONE)


def decide(source: Side, destination: Side, why: str = "", *, resume: str = RESUME) -> Verdict:
    """Return the verdict.

    Args:
        why: what was given as the reason for a failure, or that somebody cancelled.
        resume: what lets a VM go on that was handed over to nobody.
    """
    there = destination.stand
    because = f": {why}" if why else ""
    here_alive = source.stand in (Stand.RUNNING, Stand.PAUSED)
    there_alive = there in (Stand.RUNNING, Stand.PAUSED)
    if here_alive and there_alive:
        found = Verdict(
            Where.BOTH, False, f"{source.name} is alive on BOTH sides{because}",
            "stop one of them now, before both write to the same disks: they have diverged since",
        )  # fmt: skip
    elif there_alive:
        end = {
            Stand.SENT: "",
            Stand.GONE: "; the source has ended",
            Stand.SILENT: "; the source does not answer: make sure that it is not running",
        }.get(source.stand, "")
        found = Verdict(
            Where.DESTINATION, True, f"{source.name} runs on the destination now{end}",
            "" if source.stand is not Stand.SILENT else "do not let it go on: end the source's process",
        )  # fmt: skip
    elif here_alive:
        found = _stayed(source, there, because)
    elif source.stand is Stand.SENT:
        found = _handed_over(source, there, because, resume)
    else:
        found = _source_lost(source, there, because)
    return _with_words(found, source, destination)


def _stayed(source: Side, there: Stand, because: str) -> Verdict:
    stands = "runs" if source.stand is Stand.RUNNING else "stands still, as before,"
    text = f"{source.name} {stands} on the source: nothing moved{because}"
    if there is Stand.SILENT:
        return Verdict(
            Where.SOURCE, False, f"{text}; the destination does not answer",
            "end the destination's process, so that it cannot come back with an old state",
        )  # fmt: skip
    if there is Stand.WAITING:
        return Verdict(Where.SOURCE, False, f"{text}; the destination still waits", "try again, or end the destination")
    return Verdict(Where.SOURCE, False, f"{text}; the destination has ended by itself")


def _handed_over(source: Side, there: Stand, because: str, resume: str) -> Verdict:
    if there is Stand.SILENT:
        quietly = resume.replace("`", "")  # no command to be copied
        return Verdict(
            Where.UNKNOWN, False,
            f"{source.name} was handed over, and the destination does not answer: it may run there{because}",
            f"find out on the destination first; only if it surely does not run there may the source go on ({quietly})",
        )  # fmt: skip
    return Verdict(
        Where.NEITHER, False,
        f"{source.name} runs nowhere: it was handed over, and the destination "
        f"{'has ended' if there is Stand.GONE else 'has not taken over'}{because}",
        f"its memory is still on the source: {resume} lets it go on there",
    )  # fmt: skip


def _source_lost(source: Side, there: Stand, because: str) -> Verdict:
    if source.stand is Stand.SILENT:
        return Verdict(
            Where.UNKNOWN, False, f"the source does not answer: {source.name} may run there{because}",
            "the destination does not run it; look at the source's process (it may be stopped, or its host hangs)",
        )  # fmt: skip
    if there is Stand.SILENT:
        return Verdict(
            Where.UNKNOWN, False, f"the source has ended, and the destination does not answer{because}",
            "find out on the destination whether it runs there",
        )  # fmt: skip
    return Verdict(
        Where.NEITHER, False, f"{source.name} is lost: the source ended before everything was across{because}",
        "start it anew from its disks; the destination holds only a part of its memory",
    )  # fmt: skip


def _with_words(found: Verdict, source: Side, destination: Side) -> Verdict:
    return Verdict(
        found.where, found.moved, found.text, found.remedy,
        f"{source.stand}{f' ({source.said})' if source.said else ''}",
        f"{destination.stand}{f' ({destination.said})' if destination.said else ''}",
    )  # fmt: skip
