"""Jobs on the screen: a line for the strip below the tree, and everything about one."""

from __future__ import annotations

import time
from collections.abc import Iterator

from backend.model.figures import bytes_text
from backend.model.job import Job, JobState
from backend.model.migration import Convergence, Progress, Stall, Verdict
from backend.present.columns import Cell, Role
from backend.present.lines import Line, Section
from backend.present.migrating import job_words
from backend.present.spark import spark

_BAR = 32
_SPARK = 40
_PHASES = ("setup", "active", "pre-switchover", "device", "completed")


def bar(part: float, width: int, *, ascii_only: bool = False) -> str:
    """Return a bar of ``width`` cells, filled up to ``part`` (0 to 1)."""
    full, empty = ("#", ".") if ascii_only else ("█", "░")
    done = min(width, max(0, int(part * width)))
    return full * done + empty * (width - done)


def job_title(job: Job, arrow: str) -> str:
    """Return what a job does."""
    place = job.move.host.rpartition(":")[2] or job.move.destination
    return f"migrate {job.move.vm} {arrow} {place}"


def strip_words(job: Job, state: JobState, *, ascii_only: bool = False) -> tuple[str, Role]:
    """Return how a job is in a line, and what it means."""
    found = job.progress
    if state is not JobState.RUNNING or found is None or job.doing:
        return job_words(job, state), _role(job, state)
    words = [f"{found.phase} {bar(found.overall, 16, ascii_only=ascii_only)} {_percent(found)}"]
    if found.passes:
        words.append(f"pass {found.passes}, {bytes_text(found.ram_left)} left")
    if found.device_sent is not None:
        words.append(f"devices {bytes_text(found.device_sent)}")
    if found.bandwidth:
        words.append(f"{bytes_text(found.bandwidth)}/s")
    if found.dirty_rate is not None:
        words.append(f"dirty {bytes_text(found.dirty_rate)}/s")
    if found.downtime_expected is not None:
        words.append(f"downtime {found.downtime_expected * 1000:.0f} ms")
    alarm = alarm_of(job)
    return "  ".join([*([alarm] if alarm else []), *words]), _role(job, state)


def row_words(job: Job, state: JobState, arrow: str) -> Cell:
    """Return what the VM's row in the tree says of its job."""
    place = job.move.host.rpartition(":")[2] or job.move.destination
    part = f" {_percent(job.progress)}" if job.progress is not None else ""
    return Cell(f"{arrow} {place}{part}", _role(job, state))


def alarm_of(job: Job) -> str:
    """Return what the operator should know at once; "" when all is well."""
    found = job.progress
    if job.cancelling:
        return "CANCELLING"
    if found is None:
        return ""
    if found.paused:
        return "THE GUEST STANDS STILL"
    if found.stall is not Stall.NONE:
        return f"NOTHING MOVES for {found.stalled:.0f} s"
    if not job.released:
        return "HELD"
    return "DOES NOT CONVERGE" if found.convergence is Convergence.NEVER else ""


def _role(job: Job, state: JobState) -> Role:
    if job.verdict is not None:
        return Role.GOOD if job.verdict.moved else Role.WARNING if job.verdict.remedy == "" else Role.DANGER
    if job.failure is not None or state is JobState.DIED:
        return Role.DANGER
    return Role.WARNING if alarm_of(job) else Role.TEXT


def _percent(found: Progress) -> str:
    return f"{found.overall * 100:.0f} %{' held' if found.held else ''}"


def job_sections(job: Job, state: JobState, *, ascii_only: bool = False) -> Iterator[Section]:
    """Yield everything about a job."""
    if job.verdict is not None:
        yield Section("Verdict", tuple(_verdict(job.verdict)))
    if job.failure is not None:
        yield Section("Nothing was started", (Line("why", Cell(job.failure.text, Role.DANGER)),))
    alarms = tuple(_alarms(job, state)) if state is not JobState.ENDED else ()
    if alarms:
        yield Section("Look here", alarms)
    found = job.progress
    if found is not None:
        yield Section("Progress", tuple(_progress(job, found, ascii_only)))
        yield Section("Rates", tuple(_rates(job, found, ascii_only)))
        yield Section("Switchover", tuple(_switchover(job, found)))
    yield Section("Job", tuple(_job(job, state)))


def _verdict(found: Verdict) -> Iterator[Line]:
    role = Role.GOOD if found.moved else Role.WARNING if not found.remedy else Role.DANGER
    yield Line("the VM", Cell(found.text, role))
    if found.remedy:
        yield Line("what to do", Cell(found.remedy))
    yield Line("source", Cell(found.source), "as it says itself")
    yield Line("destination", Cell(found.destination), "as it says itself")
    if found.downtime is not None:
        yield Line("stood still", Cell(f"{found.downtime * 1000:.0f} ms"))
    if found.total is not None:
        yield Line("took", Cell(f"{found.total:.1f} s"))


def _alarms(job: Job, state: JobState) -> Iterator[Line]:
    found = job.progress
    if state is JobState.DIED:
        yield Line("process", Cell(job_words(job, state), Role.DANGER))
    if job.doing:
        yield Line("now", Cell(job.doing))
    if job.cancelling:
        yield Line("cancelling", Cell("waiting to hear where the VM runs", Role.WARNING))
    if found is None:
        return
    if found.paused:
        yield Line("guest", Cell("it stands still on the source and waits for you: g switches over", Role.DANGER))
    elif not job.released:
        yield Line("held", Cell("pre-copy goes on until you say so: g switches over", Role.WARNING))
    if found.stall is not Stall.NONE:
        offer = ": c cancels it" if found.stall is Stall.OFFER else ""
        yield Line("stalled", Cell(f"nothing has moved for {found.stalled:.0f} s{offer}", Role.DANGER))
    if found.convergence is Convergence.NEVER:
        yield Line("converges", Cell(found.advice, Role.WARNING), "l changes the limits")


def _progress(job: Job, found: Progress, ascii_only: bool) -> Iterator[Line]:
    phases = [phase for phase in _PHASES if phase != "pre-switchover" or job.move.hold or found.phase == phase]
    if found.phase not in phases:
        phases.append(found.phase)
    yield Line("phase", Cell("  ".join(f"[{one}]" if one == found.phase else one for one in phases)))
    held = "held: the guest makes more to send" if found.held else ""
    yield Line("all", Cell(f"{bar(found.overall, _BAR, ascii_only=ascii_only)} {found.overall * 100:5.1f} %"), held)
    if found.passes:
        part = f"{bar(found.pass_done, _BAR, ascii_only=ascii_only)} {found.pass_done * 100:5.1f} %"
        yield Line(f"pass {found.passes}", Cell(part), f"{bytes_text(found.ram_left)} left")
    again = f"{bytes_text(found.resent)} of it changed after it was sent" if found.resent else ""
    yield Line("memory", Cell(f"{bytes_text(found.ram_sent)} sent, {bytes_text(found.ram_total)} in all"), again)
    if found.device_sent is not None:
        count = len(job.move.devices)
        together = f"of {count} devices, which QEMU counts together" if count > 1 else "".join(job.move.devices)
        yield Line("device state", Cell(f"{bytes_text(found.device_sent)} sent"), together)


def _rates(job: Job, found: Progress, ascii_only: bool) -> Iterator[Line]:
    def row(label: str, text: str, values: list[float]) -> Line:
        bars = spark(values[-_SPARK:], ascii_only=ascii_only)[0]
        return Line(label, Cell(f"{text:11} {bars}"))

    bandwidth = f"{bytes_text(found.bandwidth)}/s" if found.bandwidth else "not yet"
    yield row("bandwidth", bandwidth, [sample.bandwidth for sample in job.history])
    dirty = f"{bytes_text(found.dirty_rate)}/s" if found.dirty_rate is not None else "not yet"
    yield row("guest dirties", dirty, [sample.dirty_rate for sample in job.history])
    yield row("left", bytes_text(found.ram_left), [float(sample.left) for sample in job.history])


def _switchover(job: Job, found: Progress) -> Iterator[Line]:
    expected = "not known yet" if found.downtime_expected is None else f"{found.downtime_expected * 1000:.0f} ms"
    yield Line("downtime", Cell(expected), f"{job.move.downtime * 1000:.0f} ms allowed")
    yield Line("converges", Cell(found.convergence.value))
    if not job.released:
        yield Line("when", Cell("when you say so", Role.WARNING))
    elif found.eta is not None:
        yield Line("in", Cell(f"{found.eta[0]:.0f} to {found.eta[1]:.0f} s"), "as it goes now")


def _job(job: Job, state: JobState) -> Iterator[Line]:
    move = job.move
    yield Line("state", Cell(f"{state.value}{f', pid {job.pid}' if state is JobState.RUNNING else ''}"))
    yield Line("to", Cell(move.destination), f"on {move.host}" if move.host else "" if move.libvirt else "on this host")
    yield Line("strategy", Cell(move.strategy.value))
    limit = (
        "as QEMU is set" if move.bandwidth is None else f"{bytes_text(move.bandwidth)}/s" if move.bandwidth else "none"
    )
    yield Line("limit", Cell(f"bandwidth {limit}"))
    began = time.strftime("%Y-%m-%d %H:%M:%S UTC", time.gmtime(job.began))
    who = job.who.sudo_user or job.who.user or str(job.who.uid)
    yield Line("asked for", Cell(f"{began} by {who}"))
    if job.operation:
        yield Line("journal", Cell(f"operation {job.operation}"))
