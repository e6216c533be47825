"""An evacuation in words: how many VMs have gone, which stayed, one bar over all of them."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from backend.model.job import Job, JobState
from backend.present.jobs import bar
from backend.present.migrating import job_words

Standing = tuple[Job, JobState]


@dataclass(frozen=True, slots=True)
class Evacuation:
    """How the migrations of one evacuation stand together."""

    name: str
    place: str
    """Where the VMs go."""
    total: int
    moved: int
    stayed: int
    """Ended, and the VM did not move."""
    to_come: int
    """Not under way yet: most wait for their turn."""
    part: float
    """How much of all memory is there, 0 to 1: what stayed counts as nothing."""


def evacuations(jobs: Sequence[Standing]) -> Iterator[tuple[Evacuation, list[Standing]]]:
    """Yield each evacuation among jobs, with its jobs in their order."""
    together: dict[str, list[Standing]] = {}
    for job, state in jobs:
        if job.move.evacuation:
            together.setdefault(job.move.evacuation, []).append((job, state))
    for name, found in together.items():
        yield _sum(name, found), found


def _sum(name: str, jobs: Sequence[Standing]) -> Evacuation:
    moved = sum(job.verdict is not None and job.verdict.moved for job, _ in jobs)
    ended = sum(job.over for job, _ in jobs)
    to_come = sum(not job.over and job.progress is None for job, _ in jobs)
    # A VM whose memory is not known counts as a small one.
    shares = [(job.move.memory or 1 << 30, _part(job)) for job, _ in jobs]
    part = sum(weight * done for weight, done in shares) / sum(weight for weight, _ in shares)
    first = jobs[0][0].move
    place = first.host.rpartition(":")[2] or (first.destination if first.libvirt else "this host")
    return Evacuation(name, place, len(jobs), moved, ended - moved, to_come, part)


def _part(job: Job) -> float:
    if job.over:
        return 1.0 if job.verdict is not None and job.verdict.moved else 0.0
    return job.progress.overall if job.progress is not None else 0.0


def evacuation_words(found: Evacuation) -> str:
    """Return how it stands, in a line."""
    words = [f"{found.moved} of {found.total} VMs are there"]
    if found.stayed:
        words.append(f"{found.stayed} stayed")
    under_way = found.total - found.moved - found.stayed - found.to_come
    if under_way:
        words.append(f"{under_way} on the way")
    if found.to_come:
        words.append(f"{found.to_come} to come")
    return ", ".join(words)


def evacuation_bar(found: Evacuation, *, ascii_only: bool = False, width: int = 16) -> str:
    """Return one bar over all VMs, and how it stands."""
    return f"{bar(found.part, width, ascii_only=ascii_only)} {found.part * 100:3.0f} %  {evacuation_words(found)}"


def evacuation_lines(found: Evacuation, jobs: Sequence[Standing], *, ascii_only: bool = False) -> Iterator[str]:
    """Yield the bar over all, and a line for each VM."""
    yield f"all  {evacuation_bar(found, ascii_only=ascii_only, width=30)}"
    width = max(len(job.move.vm) for job, _ in jobs)
    for job, state in jobs:
        yield f"  {job.move.vm.ljust(width)}  {job_words(job, state)}"
