"""``iovtop jobs``: migrations that go on, whoever began them, and how the others ended."""

from __future__ import annotations

import argparse
import asyncio
import contextlib
import sys

from backend.cli.exits import CommandError, Exit
from backend.cli.following import follow, tell_end
from backend.cli.migrate import add_limits, limits
from backend.cli.open_jobs import open_jobs
from backend.cli.output import say_source, write_json
from backend.host.doors import HostDoors
from backend.migration.jobs.folder import NoJob
from backend.migration.jobs.orders import Adjust, Cancel, Continue, NobodyListens, Order
from backend.migration.jobs.starting import Jobs, NotStarted
from backend.model.job import Job, JobState


def add_options(parser: argparse.ArgumentParser) -> None:
    """Add the verb's words."""
    parser.add_argument("--format", choices=("text", "json"), default="text")
    parser.add_argument("--json", dest="format", action="store_const", const="json", help="the same as --format json")
    words = parser.add_subparsers(metavar="COMMAND", dest="what", parser_class=type(parser))

    def word(name: str, about: str) -> argparse.ArgumentParser:
        command = words.add_parser(name, help=about, description=about, allow_abbrev=False)
        command.add_argument("job", type=int, metavar="ID")
        return command

    word("watch", "follow a job until it ends; Ctrl-C asks to cancel it")
    word("cancel", "take a migration back, and wait to hear where the VM runs")
    word("continue", "switch over now, where that was held")
    add_limits(word("set", "change the limits while it goes on"), downtime=None)
    word("forget", "remove the record of a job that has ended")


def run(doors: HostDoors, options: argparse.Namespace) -> Exit:
    """List jobs, or tell one something."""
    with contextlib.closing(open_jobs(doors)) as jobs:
        if options.what is None:
            return asyncio.run(_list(jobs, as_json=options.format == "json"))
        try:
            return asyncio.run(_one(jobs, options))
        except NoJob as error:
            raise CommandError(f"{error}; `iovtop jobs` lists them", Exit.NO_DEVICE) from error
        except NobodyListens as error:
            raise CommandError(str(error), Exit.REFUSED) from error


async def _list(jobs: Jobs, *, as_json: bool) -> Exit:
    """Print all jobs; what a dead one did is settled first."""
    damaged = False
    found: list[tuple[Job, JobState]] = []
    for one in jobs.listed():
        if isinstance(one, NoJob):
            sys.stderr.write(f"iovtop: {one}\n")
            damaged = True
            continue
        job, state = one
        if state is JobState.DIED:
            job = await jobs.settle(job)
            state = JobState.ENDED if job.over else state
        found.append((job, state))
    if as_json:
        for job, state in found:
            write_json({"state": state, "job": job}, jobs.host(""))
    else:
        from backend.present.migrating import job_lines

        say_source(jobs.host(""))
        sys.stdout.write("".join(f"{line}\n" for line in job_lines(found)) if found else "there are no jobs\n")
    return Exit.PARTIAL if damaged else Exit.OK


async def _one(jobs: Jobs, options: argparse.Namespace) -> Exit:
    number, as_json = options.job, options.format == "json"
    job, state = jobs.get(number)
    match options.what:
        case "watch":
            return await follow(jobs, number, as_json=as_json)
        case "forget":
            return _forget(jobs, job, state)
        case "cancel":
            return await _cancel(jobs, job, state, as_json=as_json)
        case "continue":
            return await _told(jobs, job, state, Continue(), "told to switch over")
    bandwidth, downtime = limits(options)
    if bandwidth is None and downtime is None:
        raise CommandError("set needs --bandwidth, --downtime, or both")
    return await _told(jobs, job, state, Adjust(bandwidth, downtime), "told its new limits")


async def _told(jobs: Jobs, job: Job, state: JobState, order: Order, what: str) -> Exit:
    if state is JobState.DIED:
        await _take_up(jobs, job)
    await jobs.tell(job.number, order)
    sys.stdout.write(f"job {job.number} was {what}\n")
    return Exit.OK


async def _take_up(jobs: Jobs, job: Job) -> Job:
    """Follow a migration again whose process died. Raises ``CommandError`` where there is nothing to follow."""
    settled = await jobs.settle(job)
    if settled.over:
        raise CommandError(
            f"the process of job {job.number} had died; `iovtop jobs` says where the VM is", Exit.REFUSED
        )
    try:
        return await jobs.take_up(job)
    except NotStarted as error:
        raise CommandError(str(error), Exit.FAILED) from error


async def _cancel(jobs: Jobs, job: Job, state: JobState, *, as_json: bool) -> Exit:
    if job.over:
        sys.stderr.write(f"iovtop: job {job.number} has ended already\n")
        return tell_end(jobs, job, as_json=as_json)
    if state is JobState.DIED:
        await _take_up(jobs, job)
    await jobs.tell(job.number, Cancel())
    await follow(jobs, job.number, as_json=as_json)
    ended, _ = jobs.get(job.number)
    return Exit.OK if ended.verdict is not None and not ended.verdict.moved else Exit.FAILED


def _forget(jobs: Jobs, job: Job, state: JobState) -> Exit:
    if state is not JobState.ENDED:
        raise CommandError(f"job {job.number} has not ended ({state})", Exit.REFUSED)
    jobs.folder.remove(job.number)
    sys.stdout.write(f"job {job.number} is forgotten; the journal keeps it\n")
    return Exit.OK
