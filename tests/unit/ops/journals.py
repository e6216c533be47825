"""Journals to test with, and what they are told."""

from __future__ import annotations

import resource
import signal
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from backend.host.clock import SystemClock
from backend.model.ids import PciAddress
from backend.model.operation import Left, Who
from backend.model.plan import Asked, Condition, Danger, Plan, RunState, Step
from backend.ops.journal import Journal
from backend.ops.journal_file import FileJournal

WHO = Who(0, 1000, "root", "ada", "192.0.2.7 port 51022", "/dev/pts/3")

PLAN = Plan(
    asked=(Asked("numvfs", {"pf": "0000:01:00.0", "count": 4, "guests": False, "autoprobe": None}),),
    title="4 VFs on 0000:01:00.0 (enp1s0), which has none",
    devices=(PciAddress("0000:01:00.0"),),
    conditions=(Condition("nobody holds 0000:01:10.0", False, "held by vm wéb", "detach it"),),
    steps=(Step("make 4 VFs", "/sys/x/sriov_numvfs", "0", "4", "echo 4 > /sys/x/sriov_numvfs", "it has 4 VFs"),) * 2,
    consequences=("new VFs are expected",),
    undo=(Asked("numvfs", {"pf": "0000:01:00.0", "count": 0}),),
    no_undo="",
    danger=Danger.DISRUPTIVE,
    must_type="",
    unseen=False,
)


def tell(journal: Journal, state: RunState | None = RunState.DONE) -> int:
    """Write one operation of two steps, the second of which waits for a while; without its end for None."""
    number = journal.begin(PLAN, WHO, "boot")
    for step in range(2):
        journal.intent(number, step)
        if step:
            journal.waiting(number, Left(step, 4242, 991))
        journal.done(number, step, f"step {step} was found")
    if state is not None:
        journal.end(number, state, "the end")
    return number


def opened(folder: Path) -> FileJournal:
    """Return the journal of a folder as another process would open it."""
    return FileJournal(folder, SystemClock())


@contextmanager
def full_at(size: int) -> Iterator[None]:
    """Let no file of this process grow beyond ``size``: what a full disk does, with EFBIG instead of ENOSPC."""
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    handler = signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
    resource.setrlimit(resource.RLIMIT_FSIZE, (size, hard))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))
        signal.signal(signal.SIGXFSZ, handler)
