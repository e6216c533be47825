"""Migrations for pictures and tests of the screen: records that stand still."""

from __future__ import annotations

import math
from pathlib import Path

from backend.host.doors import HostDoors
from backend.migration.jobs.folder import JobFolder
from backend.migration.jobs.starting import ProcessJobs
from backend.model.job import Job, JobState, Move, Sample
from backend.model.migration import Convergence, Progress, Verdict, Where
from backend.model.operation import Who
from backend.ops.journal import MemoryJournal
from tui.migrations import Migrations

_MIB = 1 << 20
WHO = Who(0, 1000, "root", "ada", "", "pts/3")
MOVE = Move("web-2", "/run/vm/web-2.qmp", "/run/vm/web-2.in.qmp", 20211, 64055, "duo:hv08", devices=("0000:c1:00.2",))
_HISTORY = tuple(
    Sample(at / 4, (6000 - 40 * at) * _MIB, (400 + 60 * math.sin(at / 5)) * _MIB, (60 + 20 * math.cos(at / 7)) * _MIB)
    for at in range(80)
)
GOING = Job(
    2, MOVE, WHO, 1.7e9, pid=4711, operation=12, history=_HISTORY,
    progress=Progress(
        at=20.0, phase="active", passes=3, pass_done=0.62, overall=0.81, held=True, ram_total=8192 * _MIB,
        ram_sent=9300 * _MIB, ram_left=1200 * _MIB, resent=2100 * _MIB, device_sent=8 * _MIB, bandwidth=412.0 * _MIB,
        dirty_rate=60.0 * _MIB, downtime_expected=0.19, convergence=Convergence.CONVERGES, eta=(3.0, 6.0),
    ),
)  # fmt: skip
MOVED = Job(
    1, Move("db-1", "/run/vm/db-1.qmp", "/run/vm/db-1.in.qmp", 20305, 64055, "duo:hv08"), WHO, 1.7e9, operation=11,
    ended=1.7e9 + 31,
    verdict=Verdict(
        Where.DESTINATION, True, "db-1 runs on the destination now", "", "sent (postmigrate, migration completed)",
        "running (running, migration completed)", 0.212, 31.4,
    ),
)  # fmt: skip


class StillMigrations(Migrations):
    """Migrations that stand still."""

    def __init__(self, doors: HostDoors, *jobs: tuple[Job, JobState]) -> None:
        super().__init__(doors, ProcessJobs(JobFolder(Path("/nowhere")), MemoryJournal(doors.clock), doors))
        self._still = list(jobs)
        self.seen = {job.number for job, _ in jobs}

    def all(self) -> list[tuple[Job, JobState]]:
        """Return them."""
        return self._still
