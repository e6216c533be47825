"""Migrations from the first screen: asking for one, and how they go on."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping, Sequence

from backend.migration.jobs.starting import NotStarted
from backend.model.host import Host
from backend.model.job import JobState, Move
from backend.model.plan import Plan
from backend.model.text import clean
from backend.model.vm import Vm, VmManager
from backend.ops.errors import OperationError
from backend.present.jobs import row_words
from backend.present.tree import Row
from tui.dialogs.form import FormScreen
from tui.dialogs.moving import between_libvirts, between_qemus, leaving, leaving_of, move_of
from tui.dialogs.plan import Confirmed, PlanScreen
from tui.migrations import Migrations
from tui.row_actions import vm_of, why_no_evacuation, why_no_migration
from tui.screens.jobs import JobsScreen
from tui.screens.main_changes import MainChanges
from tui.widgets.header import badge

FOLLOW = 0.25
"""Seconds between two looks at how migrations go on."""


class MainMigrations(MainChanges):
    """The actions that move VMs."""

    migrations: Migrations | None

    def follow_migrations(self) -> None:
        """Show how migrations go on, below the tree and in the rows of their VMs."""
        if self.migrations is None:
            return
        everything = self.migrations.all()
        jobs = self.migrations.in_sight(everything)
        self.jobs.show(jobs, self.migrations.evacuations(everything))
        words = {
            job.move.pid: row_words(job, state, self.skin.glyphs.arrow)
            for job, state in reversed(jobs)
            if state is not JobState.ENDED and job.move.pid is not None
        }
        self.rows.remark(words)
        for job, state in jobs:
            if state is JobState.DIED:
                self.run_worker(self.migrations.settle(job))

    def action_jobs(self) -> None:
        """Show all migrations."""
        host = self.viewing.host
        if self.migrations is None:
            self.bar.message("this host has no migrations", warning=True)
            return
        piece = badge(host) if host is not None else ()
        self.app.push_screen(JobsScreen(self.skin, piece, self.migrations, writing=self.writing.on))

    def action_migrate(self) -> None:
        """Ask where the VM of the row shall go."""
        host, row = self.viewing.host, self.rows.cursor_row
        if host is None or row is None:
            return
        reason = self._why_not(host, row)
        vm = vm_of(host, row)
        if reason or vm is None:
            self.bar.message(reason, warning=True)
            return
        self.run_worker(self._ask_where(host, vm))

    def _why_not(self, host: Host, row: Row) -> str:
        if self.migrations is None:
            return "nothing lives on this host that could migrate"
        return why_no_migration(host, row)

    async def _ask_where(self, host: Host, vm: Vm) -> None:
        assert self.migrations is not None
        by_libvirt = vm.manager is VmManager.LIBVIRT
        waiting = [] if by_libvirt else await self.migrations.waiting(host, vm)
        ready = await self.migrations.ready(host, vm)
        form = between_libvirts(vm, ready) if by_libvirt else between_qemus(vm, waiting, ready)

        def filled(values: Mapping[str, str] | None) -> None:
            if values is not None:
                self.run_worker(self._look_at_plan(host, vm, move_of(vm, values, waiting)))

        self.app.push_screen(FormScreen(self.skin, form), filled)

    def action_evacuate(self) -> None:
        """Ask where all VMs of the host shall go."""
        host, migrations = self.viewing.host, self.migrations
        if host is None:
            return
        reason = "nothing lives on this host that could migrate" if migrations is None else why_no_evacuation(host)
        if reason or migrations is None:
            self.bar.message(reason, warning=True)
            return
        libvirt = any(vm.manager is VmManager.LIBVIRT for vm in host.vms.values()) and host.source == "live"
        form = leaving(host, migrations.hosts, libvirt=libvirt)

        def filled(values: Mapping[str, str] | None) -> None:
            if values is not None:
                self.run_worker(self._look_at_leaving(host, values))

        self.app.push_screen(FormScreen(self.skin, form), filled)

    async def _look_at_leaving(self, host: Host, values: Mapping[str, str]) -> None:
        migrations = self.migrations
        assert migrations is not None
        wished = leaving_of(values)
        found: list[Move] = []

        async def again() -> Plan:
            found[:], plan = await migrations.plan_evacuation(host, wished, those_that_can=bool(values["some"]))
            return plan

        await self._offer(again, found)

    async def _look_at_plan(self, host: Host, vm: Vm, move: Move) -> None:
        migrations = self.migrations
        assert migrations is not None
        found = [move]

        async def again() -> Plan:
            found[0], plan = await migrations.plan(host, vm, move)
            return plan

        await self._offer(again, found)

    async def _offer(self, again: Callable[[], Awaitable[Plan]], found: Sequence[Move]) -> None:
        """Show a plan, which is made anew while it is looked at, and start its migrations when that is confirmed.

        Args:
            found: the migrations of the plan that was made last.
        """
        try:
            plan = await again()
        except OperationError as error:
            self.say_error(error)
            return

        def confirmed(answer: Confirmed | None) -> None:
            if answer is not None:
                self.run_worker(self._start(*found))

        self.app.push_screen(PlanScreen(self.skin, plan, again, self.copy), confirmed)

    async def _start(self, *moves: Move) -> None:
        assert self.migrations is not None
        problems = []
        for move in moves:
            try:
                job = await self.migrations.start(move)
                self.migrations.seen.add(job.number)
            except (NotStarted, OSError) as error:
                problems.append(f"{move.vm}: nothing was started: {error}")
        if problems:
            self.bar.message(clean("; ".join(problems), 300), warning=True)
        if len(problems) < len(moves):
            self.action_jobs()
