"""What the screen knows of migrations: jobs that go on, destinations that wait, plans."""

from __future__ import annotations

import contextlib
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import PurePosixPath

from backend.host.caller import caller
from backend.host.doors import HostDoors
from backend.migration.arranging import arrange
from backend.migration.comparison import HERE
from backend.migration.evacuation import leavers, plan_evacuation
from backend.migration.jobs.folder import NoJob
from backend.migration.jobs.orders import Order
from backend.migration.jobs.starting import Jobs, NotStarted
from backend.migration.planning import plan_leaving, plan_move
from backend.migration.readiness import find_out
from backend.model.host import Host
from backend.model.job import Job, JobState, Move
from backend.model.migration import Readiness
from backend.model.plan import Plan
from backend.model.vm import Vm
from backend.ops.world import World
from backend.present.evacuating import Evacuation, Standing, evacuations
from backend.state.aside import scanner_for


@dataclass(frozen=True, slots=True)
class Waiting:
    """A QEMU that waits for a VM."""

    host: str
    """The simulated host that it is on; "" = the VM's own."""
    path: str
    """Its monitor."""
    name: str

    @property
    def words(self) -> str:
        """What to call it."""
        where = f"{self.host.rpartition(':')[2]}: " if self.host else ""
        if self.path == HERE:
            return f"{where}one that is started for it{'' if where else ' here'}"
        return f"{where}{self.name} ({PurePosixPath(self.path).name})"


class Migrations:
    """Migrations of one host, for the screen.

    Args:
        doors: the host.
        jobs: those of the host.
        neighbours: simulated hosts on which destinations may wait too.
    """

    def __init__(self, doors: HostDoors, jobs: Jobs, neighbours: Sequence[str] = ()) -> None:
        self._doors = doors
        self._jobs = jobs
        self._neighbours = tuple(neighbours)
        self._known: dict[int, tuple[tuple[int, int], Job]] = {}
        self._stamp_of_all = -1
        self._numbers: list[int] = []
        """Of all jobs, the newest first."""
        self._ended: set[int] = set()
        """Jobs that will not change any more."""
        self._settled: set[int] = set()
        self.seen: set[int] = set()
        """Jobs that went on while the screen was open: how they end stays in sight until it was looked at."""

    def all(self) -> list[tuple[Job, JobState]]:
        """Return all jobs, the newest first. Only records that changed are read again, and none of a job that ended."""
        found: list[tuple[Job, JobState]] = []
        folder = self._jobs.folder
        stamp_of_all = folder.stamp_of_all()
        if stamp_of_all != self._stamp_of_all:  # one that was removed may have left its number to another
            self._stamp_of_all, self._numbers, self._ended = stamp_of_all, folder.numbers()[::-1], set()
        for number in self._numbers:
            known = self._known.get(number)
            if known is not None and number in self._ended:
                found.append((known[1], JobState.ENDED))
                continue
            stamp = folder.stamp(number)
            if known is None or known[0] != stamp:
                try:
                    known = (stamp, folder.read(number))
                except NoJob:
                    continue
                self._known[number] = known
            job = known[1]
            try:
                state = self._jobs.state(job)
            except NoJob:
                continue
            if job.over:
                self._ended.add(number)
            if state is not JobState.ENDED:
                self.seen.add(number)
            found.append((job, state))
        return found

    def in_sight(self, jobs: Sequence[Standing]) -> list[Standing]:
        """Return those of all jobs that go on, or ended in sight and were not looked at yet."""
        return [(job, state) for job, state in jobs if state is not JobState.ENDED or job.number in self.seen]

    def evacuations(self, jobs: Sequence[Standing]) -> list[Evacuation]:
        """Return those evacuations among all jobs of which one is in sight."""
        sight = {job.move.evacuation for job, _ in self.in_sight(jobs)} - {""}
        return [found for found, _ in evacuations(jobs) if found.name in sight] if sight else []

    async def settle(self, job: Job) -> None:
        """Find out about a job whose process died, once: follow it again, or keep what became of it."""
        if job.number in self._settled:
            return
        self._settled.add(job.number)
        if not (await self._jobs.settle(job)).over:
            try:
                await self._jobs.take_up(job)
            except (NotStarted, OSError):
                return
            self._settled.discard(job.number)

    async def tell(self, number: int, order: Order) -> None:
        """Tell a job. Raises ``NobodyListens``, ``NoJob``."""
        await self._jobs.tell(number, order)

    async def start(self, move: Move) -> Job:
        """Begin a migration. Raises ``NotStarted``, ``OSError``."""
        return await self._jobs.start(move, caller())

    @property
    def hosts(self) -> tuple[str, ...]:
        """Hosts that may take VMs; "" = this one."""
        return "", *self._neighbours

    async def waiting(self, host: Host, vm: Vm) -> list[Waiting]:
        """Return the QEMUs that wait for a VM, those of its name first, and hosts on which one can be started."""
        found = [Waiting("", path, one.name) for one in host.vms.values() if one.incoming for path in one.monitors[:1]]
        for name in self._neighbours:
            other = await self._look(name)
            found += [
                Waiting(name, path, one.name) for one in other.vms.values() if one.incoming for path in one.monitors[:1]
            ]
        found.sort(key=lambda one: one.name != vm.name)
        return [*found, *(Waiting(name, HERE, "") for name in self.hosts)]

    async def ready(self, host: Host, vm: Vm) -> Readiness:
        """Return everything that stands in the way of a VM, and which strategies there are."""
        return await find_out(self._doors, host, vm)

    async def plan(self, host: Host, vm: Vm, move: Move) -> tuple[Move, Plan]:
        """Return a migration with what is plugged in there, and its plan with everything that stands in its way.

        Changes nothing.
        """
        there = self._jobs.host(move.host)
        other = host if there is self._doors else await self._look(move.host)
        found = await arrange((self._doors, host), vm, (there, other), move)
        return found.move, plan_move(found.move, found.readiness, found.comparison.reasons)

    async def plan_evacuation(self, host: Host, wished: Move, *, those_that_can: bool) -> tuple[list[Move], Plan]:
        """Return the migrations of all VMs of the host that can go, and their plan. Changes nothing."""
        there = self._jobs.host(wished.host)
        other = host if there is self._doors else await self._look(wished.host)
        found = await plan_evacuation((self._doors, host), (there, other), leavers(host), wished)
        moves = [one.move for one in found if one.move is not None]
        return moves, plan_leaving(found, those_that_can=those_that_can)

    async def _look(self, name: str) -> Host:
        doors = self._jobs.host(name)
        with contextlib.closing(scanner_for(doors)) as scanner:
            world = World(doors, scanner)
            await world.look()
            return world.host

    def close(self) -> None:
        """Let go; jobs of their own process go on."""
        self._jobs.close()


def open_migrations(doors: HostDoors) -> Migrations | None:
    """Return the migrations of a host; None for one of files, on which nothing lives."""
    from backend.cli.open_host import other_simulations
    from backend.cli.open_jobs import open_jobs

    if doors.source.kind not in ("live", "simulated"):
        return None
    return Migrations(doors, open_jobs(doors), other_simulations(doors))
