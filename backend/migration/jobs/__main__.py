"""A job as a program of its own: ``python3 -I .../backend/migration/jobs/__main__.py FOLDER``.

iovtop starts it; it goes into the background at once, and neither the end of a terminal nor that of a login ends it.
"""

from __future__ import annotations

import asyncio
import os
import signal
import sys
from collections.abc import Sequence
from pathlib import Path

_IGNORED = (signal.SIGHUP, signal.SIGINT, signal.SIGQUIT, signal.SIGPIPE)


def main(arguments: Sequence[str]) -> int:
    """Do the job whose folder is named, in the background."""
    if len(arguments) != 1:
        sys.stderr.write("This program is started by iovtop, with the folder of a job.\n")
        return 2
    if os.fork():
        os._exit(0)  # whoever started us need not wait for us, and is not waited for
    for number in _IGNORED:
        signal.signal(number, signal.SIG_IGN)
    os.umask(0o077)
    return _keep(Path(arguments[0]))


def _keep(path: Path) -> int:
    from backend.host.linux import LinuxHost
    from backend.migration.jobs.folder import JobFolder, NoJob
    from backend.migration.jobs.keeper import Keeper
    from backend.migration.jobs.starting import ProcessJobs, reach_of, this_process
    from backend.migration.jobs.turns import Turn
    from backend.ops.journal_file import FileJournal

    folder = JobFolder(path.parent.parent)
    doors = LinuxHost()
    try:
        job = folder.read(int(path.name))
        if job.over:
            sys.stderr.write("this job has ended: whoever started it gave up waiting for this process\n")
            return 1
        journal = FileJournal(folder.state, doors.clock)
        turn = Turn(folder, job, ProcessJobs(folder, journal, doors).state)
        process, reach = this_process(doors, os.getpid()), reach_of(job.move, doors, doors)
        keeper = Keeper(folder, job, reach, journal, process, turn, begun=job.pid != 0)
        asyncio.run(keeper.run())
    except (NoJob, OSError) as error:
        sys.stderr.write(f"{error}\n")
        return 1
    finally:
        doors.close()
    return 0


if __name__ == "__main__":
    # An isolated interpreter (-I) looks nowhere but in its own folders; this program may lie in another.
    sys.path.insert(0, os.path.realpath(os.path.join(os.path.dirname(os.path.realpath(__file__)), "..", "..", "..")))
    sys.exit(main(sys.argv[1:]))
