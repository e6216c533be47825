"""A migration in words: readiness, progress and verdict, as lines of plain text."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import replace

from backend.model.figures import bytes_text
from backend.model.job import Job, JobState
from backend.model.migration import Comparison, Convergence, Progress, Readiness, Reason, Stall, Verdict, Weight

_BAR = 30
_SIGNS = {Weight.BLOCKS: "BLOCKS ", Weight.COSTS: "costs  ", Weight.UNKNOWN: "unknown"}


def readiness_lines(found: Readiness) -> Iterator[str]:
    """Yield whether a VM can migrate, and every reason with its remedy."""
    verdict = {True: "can migrate live", False: "cannot migrate live", None: "may or may not migrate live"}[found.ready]
    qemu = f", QEMU {found.qemu}" if found.qemu else ""
    yield f"{found.vm} (pid {found.pid}{qemu}) {verdict}"
    for device in found.devices:
        offers = "not known" if device.features is None else ", ".join(device.features) or "no migration"
        state = f", now {device.state}" if device.state else ""
        yield f"  {device.device}  {device.driver or 'no driver'}: {offers}{state}  ({device.evidence})"
    if found.dirty_rate is not None:
        yield f"  it changes {bytes_text(found.dirty_rate)} of its memory a second"
    yield from _reason_lines(found.reasons)
    for way in found.ways if not found.ready else ():
        yield f"{'possible' if way.possible else 'not now '}  --strategy {way.strategy}: {way.explained}"


def _reason_lines(reasons: Sequence[Reason]) -> Iterator[str]:
    for reason in reasons:
        subject = "" if reason.cause.startswith(reason.subject) else f"{reason.subject}: "
        yield f"{_SIGNS[reason.weight]} {subject}{reason.cause}  ({reason.evidence})"
        yield f"          → {reason.remedy}"


def comparison_lines(found: Comparison) -> Iterator[str]:
    """Yield whether a destination can take a VM over, what takes over what, and all that differs."""
    verdict = {True: "can take", False: "cannot take", None: "may or may not be able to take"}[found.ready]
    yield f"{found.destination} {verdict} {found.vm} over"
    for mine, other in found.pairs:
        yield f"  {mine} → {other}"
    yield from _reason_lines(found.reasons)


def progress_line(found: Progress) -> str:
    """Return one line that says it all, for a log."""
    return "  ".join([f"{found.at:7.1f} s", found.phase, *_facts(found)])


def _facts(found: Progress) -> Iterator[str]:
    if found.ram_total:
        held = " (held: the guest makes more)" if found.held else ""
        yield f"{found.overall * 100:.0f} %{held}"
        yield f"pass {found.passes}, {bytes_text(found.ram_left)} left"
        yield f"RAM {bytes_text(found.ram_sent)}" + (
            "" if found.device_sent is None else f", devices {bytes_text(found.device_sent)}"
        )
    if found.bandwidth:
        yield f"{bytes_text(found.bandwidth)}/s"
    if found.dirty_rate is not None:
        yield f"dirty {bytes_text(found.dirty_rate)}/s"
    if found.downtime_expected is not None:
        yield f"downtime {found.downtime_expected * 1000:.0f} of {found.downtime_limit * 1000:.0f} ms"
    if found.eta is not None:
        yield _switchover(*found.eta)
    yield from _alarms(found)


def _switchover(soonest: float, latest: float) -> str:
    """Return when it is expected, in seconds from now."""
    if latest < 0.5:
        return "switchover in less than 1 s"
    first, last = f"{soonest:.0f}", f"{latest:.0f}"
    return f"switchover in {last} s" if first == last else f"switchover in {first} to {last} s"


def _downtime(found: Progress) -> str:
    """Return how long the guest stood still, or may."""
    if found.downtime is not None:
        return f"{found.downtime * 1000:.0f} ms"
    return "not known yet" if found.downtime_expected is None else f"{found.downtime_expected * 1000:.0f} ms expected"


def _alarms(found: Progress) -> Iterator[str]:
    if found.paused:
        yield "THE GUEST STANDS STILL and waits for you"
    if found.stall is not Stall.NONE:
        offer = ": cancel it" if found.stall is Stall.OFFER else ""
        yield f"nothing has moved for {found.stalled:.0f} s{offer}"
    if found.convergence is Convergence.NEVER:
        yield found.advice
    if found.error:
        yield found.error


def progress_panel(found: Progress, ascii_only: bool = False) -> Iterator[str]:
    """Yield the lines of a display that is drawn again and again."""
    full, empty = ("#", ".") if ascii_only else ("█", "░")
    yield f"{found.phase:15} {found.at:6.1f} s"
    rows = [("all", found.overall, "held: the guest makes more to send" if found.held else "")]
    if found.passes:
        rows.append((f"pass {found.passes}", found.pass_done, f"{bytes_text(found.ram_left)} left"))
    for label, part, words in rows:
        done = round(part * _BAR)
        yield f"{label:9}{full * done}{empty * (_BAR - done)} {part * 100:5.1f} %  {words}".rstrip()
    sent = f"RAM {bytes_text(found.ram_sent)} of {bytes_text(found.ram_total)}, {bytes_text(found.resent)} sent again"
    if found.ram_total:
        state = "" if found.device_sent is None else f"; device state {bytes_text(found.device_sent)}"
        yield f"sent     {sent}{state}"
    rates = [f"{bytes_text(found.bandwidth)}/s" if found.bandwidth else "not measured yet"]
    rates += [f"the guest dirties {bytes_text(found.dirty_rate)}/s"] if found.dirty_rate is not None else []
    yield f"rate     {', '.join(rates)}"
    yield f"downtime {_downtime(found)}, {found.downtime_limit * 1000:.0f} ms allowed"
    eta = "" if found.eta is None else f", {_switchover(*found.eta)}"
    yield f"         {found.convergence}{eta}"
    for alarm in _alarms(found):
        yield f"!        {alarm}"


def verdict_lines(found: Verdict) -> Iterator[str]:
    """Yield how it ended."""
    yield found.text
    if found.downtime is not None:
        yield f"  the guest stood still for {found.downtime * 1000:.0f} ms; all of it took {found.total or 0:.1f} s"
    if found.remedy:
        yield f"  → {found.remedy}"
    yield f"  source: {found.source}; destination: {found.destination}"


def job_lines(jobs: Sequence[tuple[Job, JobState]]) -> Iterator[str]:
    """Yield a line for each job, under titles."""
    rows = [("JOB", "STATE", "VM", "TO", "HOW IT IS")]
    rows += [
        (str(job.number), state.value, job.move.vm, job.move.destination, job_words(job, state)) for job, state in jobs
    ]
    widths = [max(len(row[column]) for row in rows) for column in range(4)]
    for row in rows:
        cells = (text.ljust(width) for text, width in zip(row[:4], widths, strict=True))
        yield "  ".join((*cells, row[4])).rstrip()


def job_words(job: Job, state: JobState) -> str:
    """Return how a job is, or how it ended, in a line."""
    if job.verdict is not None:
        return job.verdict.text
    if job.failure is not None:
        return f"nothing was started: {job.failure.text}"
    if state is JobState.DIED:
        return f"its process died, and QEMU goes on by itself: `iovtop jobs watch {job.number}` follows it again"
    asked = "cancelling; " if job.cancelling else ""
    if job.doing or job.progress is None:
        return f"{asked}{job.doing or 'beginning'}"
    held = "held until you say so; " if not job.released else ""
    found = job.progress if job.released else replace(job.progress, eta=None)
    return f"{asked}{held}{found.phase}  {'  '.join(_facts(found))}"
