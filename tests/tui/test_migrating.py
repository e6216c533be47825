"""A migration from the menu to the verdict, on the two hosts of the scenario duo."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from time import monotonic

import pytest
from textual.pilot import Pilot

from backend.cli.settings import Settings
from backend.host.doors import HostDoors
from backend.migration.jobs.starting import TaskJobs
from backend.model.job import JobState
from backend.ops.journal import simulated_journal
from backend.simhost import open_simulated
from backend.state.live import Live
from tests.tools.screenshots import settle, text_of
from tests.tui.screens import TERM, connecting
from tui.app import IovtopApp
from tui.dialogs.panel import Panel
from tui.dialogs.plan import PlanScreen
from tui.migrations import Migrations
from tui.screens.jobs import JobsScreen
from tui.term.capabilities import detect
from tui.widgets.jobs_strip import JobsStrip
from tui.writing import opener_for


class Player:
    """The program on a simulated host, and what a test does with it."""

    def __init__(self, app: IovtopApp, pilot: Pilot[None], migrations: Migrations) -> None:
        self.app = app
        self.pilot = pilot
        self.migrations = migrations

    async def until(self, holds: Callable[[], object], what: str) -> None:
        deadline = monotonic() + 30
        while not holds():
            assert monotonic() < deadline, f"never came: {what}\n{text_of(self.app)}"
            await self.pilot.pause()
            await asyncio.sleep(0.01)

    async def shows(self, text: str) -> None:
        await self.until(lambda: text in text_of(self.app), text)

    async def press(self, *keys: str) -> None:
        await self.pilot.press(*keys)
        await self.pilot.pause()

    async def to_form(self, vm: str) -> None:
        await self.press("colon", *vm.replace("-", "\0").split("\0")[0], "minus", vm[-1], "enter")
        await self.press("x")
        await self.shows("migrate the VM")
        await self.press("G")

    async def start(self, vm: str, *into_form: str) -> None:
        await self.to_form(vm)
        await self.shows(f"Migrate {vm}")
        await self.press(*into_form, "enter")
        await self.shows("can take it over")
        await self.shows("Do it ")
        await self.until(lambda: " Do it  " in text_of(self.app), "an armed plan")
        await self.press("tab", "enter")
        await self.until(lambda: isinstance(self.app.screen, JobsScreen), "the screen of jobs")


@asynccontextmanager
async def player(*, writing: bool = True) -> AsyncIterator[Player]:
    here, there = open_simulated("duo"), open_simulated("duo:hv08")
    for host in (here, there):
        host.sockets.speed = 6.0

    def elsewhere(name: str) -> HostDoors:
        assert name == "duo:hv08"
        return there

    jobs = TaskJobs(simulated_journal(here), here, elsewhere)
    migrations = Migrations(here, jobs, ("duo:hv08",))
    live = Live(here)
    connect = connecting(live, opener_for(here), migrations)
    app = IovtopApp(connect, Settings(write=writing), detect(TERM, "utf-8", "unicode"))
    try:
        async with app.run_test(size=(140, 40)) as pilot:
            await settle(app, pilot, writes=writing)
            yield Player(app, pilot, migrations)
            await jobs.finished()
    finally:
        migrations.close()
        here.close()


async def test_from_the_menu_to_the_verdict() -> None:
    async with player() as one:
        await one.start("web-2", "down", "down", *"4G")
        await one.shows("web-2 runs on the destination now")
        await one.shows("[completed]")
        await one.press("escape", "L")
        await one.shows("done        migrate web-2")


async def test_it_shows_below_the_tree_and_in_the_row_and_can_be_cancelled() -> None:
    async with player() as one:
        await one.start("web-2", "down", "down", *"30M")
        await one.shows("[active]")
        await one.press("escape", "3")
        strip = one.app.screen_stack[-1].query_one(JobsStrip)
        await one.until(lambda: "migrate web-2 → hv08  active" in strip.text, "the strip")
        await one.shows("web-2 → hv08")
        await one.press("6", "c")
        await one.shows("cancel this migration? y: yes")
        await one.press("n")
        assert one.migrations.all()[0][1] is JobState.RUNNING
        await one.press("c", "y")
        await one.shows("web-2 runs on the source: nothing moved: it was cancelled")
        await one.press("escape")
        await one.until(lambda: not strip.text, "an empty strip: the verdict was looked at")


async def test_held_and_released_with_other_limits() -> None:
    async with player() as one:
        await one.start("web-2", "down", "down", *"4G", "down", "down", "space")
        await one.shows("pre-copy goes on until you say so: g switches over")
        await one.press("l")
        await one.shows("ms the guest may stand still")
        await one.press("down", *"700", "enter")
        await one.shows("700 ms allowed")
        await one.press("g")
        await one.shows("switch over now?")
        await one.press("y")
        await one.shows("web-2 runs on the destination now")


@pytest.mark.parametrize(
    ("vm", "reason"), [("cache-1", "belongs to libvirt"), ("web-2", "read-only: W switches write mode on")]
)
async def test_the_menu_says_why_not(vm: str, reason: str) -> None:
    async with player(writing=vm != "web-2") as one:
        await one.press("colon", *vm.partition("-")[0], "minus", vm[-1], "enter")
        await one.press("x")
        await one.shows("migrate the VM")
        lines = [line for line in text_of(one.app).splitlines() if reason in line or "migrate the VM" in line]
        # A reason stands beside its action, or once above all that it keeps.
        assert reason in lines[0]
        assert "migrate the VM" in " ".join(lines)


async def test_all_blockers_at_once_and_nothing_to_confirm() -> None:
    async with player() as one:
        await one.to_form("fw-1")
        await one.shows("Migrate fw-1")
        await one.press("up")
        await one.shows("VFIO migration is not supported in kernel")
        await one.press("enter")
        await one.shows("not possible now")
        text = " ".join(one.app.screen.query_one(Panel).text.split())
        assert "unplug 0000:c1:02.2: its guest has to let it go" in text
        assert "MiB of memory, the source" in text
        assert isinstance(one.app.screen, PlanScreen)
        assert "Do it" not in text


async def test_a_monitor_that_is_typed_is_the_destination_whatever_was_chosen() -> None:
    async with player() as one:
        await one.to_form("web-2")
        await one.shows("Migrate web-2")
        await one.press("down", *"wrong", "ctrl+u", "slash", *"nowhere", "enter")
        await one.shows("migrate web-2 to /nowhere")


async def test_the_end_of_what_is_typed_stays_in_sight_however_long_it_is() -> None:
    async with player() as one:
        await one.to_form("web-2")
        await one.shows("Migrate web-2")
        await one.press("down", "slash", *"run" * 35, *"end")
        await one.shows("runend_")


async def test_a_destination_that_is_started_for_it() -> None:
    async with player() as one:
        await one.to_form("web-2")
        await one.shows("Migrate web-2")
        await one.press("left", "down", "down", *"4G", "enter")
        await one.shows("start a QEMU that waits for web-2")
        await one.until(lambda: " Do it  " in text_of(one.app), "an armed plan")
        assert "host=0000:c1:00.7" in " ".join(one.app.screen.query_one(Panel).text.split())
        await one.press("tab", "enter")
        await one.shows("web-2 runs on the destination now")


async def test_all_that_can_leave_the_host_one_after_the_other() -> None:
    async with player() as one:
        await one.press("colon", *"web", "minus", "2", "enter")
        await one.press("x", "H")
        await one.shows("Evacuate hv07")
        await one.press("down", "left", "down", "down", *"4G", "down", "down", "space", "enter")
        await one.shows("cache-1 stays: it belongs to libvirt")
        await one.until(lambda: " Do it  " in text_of(one.app), "an armed plan")
        await one.press("tab", "enter")
        await one.until(lambda: isinstance(one.app.screen, JobsScreen), "the screen of jobs")
        await one.shows("1 of the 1 VMs that may move at once to duo:hv08 are before it")
        await one.press("escape")
        strip = one.app.screen_stack[-1].query_one(JobsStrip)
        await one.until(lambda: "evacuate → hv08" in strip.text, "a line for all of them")
        await one.until(lambda: "0 of 2 VMs are there, 1 on the way, 1 to come" in strip.text, "one after the other")
        await one.until(lambda: "100 %  2 of 2 VMs are there" in strip.text, "the end")
        assert {job.verdict is not None and job.verdict.moved for job, _ in one.migrations.all()} == {True}
