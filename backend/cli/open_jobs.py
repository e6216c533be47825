"""The jobs of a host: in the user's state folder on this machine, in this process on a simulated one."""

from __future__ import annotations

from backend.cli.exits import CommandError
from backend.cli.open_host import open_named_simulation
from backend.cli.settings import state_home
from backend.host.doors import HostDoors
from backend.migration.jobs.starting import Jobs


def open_jobs(doors: HostDoors) -> Jobs:
    """Return the jobs of a host. Raises ``CommandError`` for one on which nothing lives."""
    from backend.migration.jobs.folder import JobFolder
    from backend.migration.jobs.starting import ProcessJobs, TaskJobs

    if doors.source.kind == "simulated":
        from backend.ops.journal import simulated_journal

        return TaskJobs(simulated_journal(doors), doors, open_named_simulation)
    if doors.source.kind != "live":
        raise CommandError("nothing lives on a host of files: it has no jobs")
    from backend.ops.journal_file import FileJournal

    return ProcessJobs(JobFolder(state_home()), FileJournal(state_home(), doors.clock), doors)
