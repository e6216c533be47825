"""Changes of the host, asked for and confirmed on the screen, on a simulated host."""

from __future__ import annotations

from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from pathlib import Path

import pytest

from backend.cli.settings import Settings
from backend.model.plan import Asked, Plan
from backend.ops.errors import AgentError
from backend.simhost import open_simulated
from backend.simhost.host import SimulatedHost
from backend.simhost.load import read
from backend.simhost.open import open_scenario
from backend.state.live import Live
from tests.tui.screens import TERM, Screen, connecting
from tui.app import IovtopApp
from tui.dialogs.form import FormScreen
from tui.dialogs.plan import PlanScreen
from tui.dialogs.running import RunScreen
from tui.screens.journal import JournalScreen
from tui.screens.main import MainScreen
from tui.screens.menu import MenuScreen
from tui.term.capabilities import detect
from tui.widgets.status_bar import StatusBar
from tui.writing import opener_for

SCENARIO = Path(__file__).parents[1] / "conformance" / "simulated.toml"
PF = "0000:01:00.0"


@asynccontextmanager
async def simulated(
    at: str = PF, size: tuple[int, int] = (120, 40), *, scenario: str = "", write: bool = False
) -> AsyncIterator[tuple[Screen, SimulatedHost]]:
    """Run the app with the cursor on a device; without a scenario, on a host with PFs that have no VFs yet."""
    host = open_simulated(scenario) if scenario else open_scenario(read(SCENARIO), "changing")
    live = Live(host)
    app = IovtopApp(connecting(live, opener_for(host)), Settings(write=write), detect(TERM, "utf-8", "unicode"))
    async with app.run_test(size=size) as pilot:
        shown = Screen(app, pilot, live)  # type: ignore[arg-type]
        await shown.until(lambda: any(isinstance(s, MainScreen) for s in app.screen_stack), "the first screen")
        await shown.until(lambda: shown.main.viewing.host is not None and len(shown.tree.rows), "the host")
        shown.tree.reveal(at)
        await pilot.pause()
        assert shown.cursor == at
        if write:
            await shown.until(lambda: "WRITE" in shown.lines()[0], "write mode")
        yield shown, host


def vfs_of(host: SimulatedHost, pf: str = PF) -> int:
    return sum(name.startswith("virtfn") for name in host.files.list(f"/sys/bus/pci/devices/{pf}"))


def message(shown: Screen) -> str:
    return shown.main.query_one(StatusBar).text


async def open_form(shown: Screen) -> None:
    await shown.press("x")
    await shown.until(lambda: isinstance(shown.app.screen, MenuScreen), "the menu")
    await shown.press("v")
    await shown.until(lambda: isinstance(shown.app.screen, FormScreen), "the form")


async def plan_for(shown: Screen, *keys: str) -> None:
    await open_form(shown)
    await shown.press(*keys, "enter")
    await shown.until(lambda: isinstance(shown.app.screen, PlanScreen), "the plan")


async def test_read_only_says_how_to_change_that_and_changes_nothing() -> None:
    async with simulated() as (shown, host):
        assert "READ-ONLY" in shown.lines()[0]
        await shown.press("x")
        assert "read-only: W switches write mode on" in shown.text()
        await shown.press("v")
        assert isinstance(shown.app.screen, MenuScreen)
        assert vfs_of(host) == 0


async def test_the_journal_can_be_read_without_write_mode_and_nothing_taken_back() -> None:
    async with simulated() as (shown, host):
        await shown.press("W")
        await shown.until(lambda: "WRITE" in shown.lines()[0], "write mode")
        await plan_for(shown, "3")
        await shown.press("y")
        await shown.until(lambda: vfs_of(host) == 3 and "done: " in shown.text(), "the end")
        await shown.press("enter", "W")
        await shown.until(lambda: "READ-ONLY" in shown.lines()[0], "read-only")
        await shown.press("L")
        await shown.until(lambda: isinstance(shown.app.screen, JournalScreen), "the journal")
        assert "3 VFs on 0000:01:00.0" in shown.text()
        await shown.press("z")
        await shown.until(lambda: "the program is read-only" in message(shown), "why not")
        assert vfs_of(host) == 3


async def test_vfs_are_made_and_taken_back() -> None:
    async with simulated() as (shown, host):
        await shown.press("W")
        await shown.until(lambda: "WRITE" in shown.lines()[0], "write mode")
        await plan_for(shown, "3")
        for words in ("3 VFs on 0000:01:00.0", "make 3 VFs", "sriov_numvfs", "reversible", "Cancel"):
            assert words in shown.text()
        assert vfs_of(host) == 0
        await shown.press("y")
        await shown.until(lambda: isinstance(shown.app.screen, RunScreen), "the run")
        await shown.until(lambda: "done: " in shown.text(), "the end")
        assert vfs_of(host) == 3
        await shown.press("enter")
        await shown.until(lambda: "has 3 VFs" in message(shown), "the verdict")
        await shown.press("L")
        await shown.until(lambda: isinstance(shown.app.screen, JournalScreen), "the journal")
        assert "3 VFs on 0000:01:00.0" in shown.text()
        await shown.press("z")
        await shown.until(lambda: isinstance(shown.app.screen, PlanScreen), "the way back")
        assert "remove the 3 VFs" in shown.text()


async def test_what_disturbs_somebody_is_not_done_by_one_key_nor_at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("tui.dialogs.plan.ARMED_AFTER", 3600.0)
    async with simulated() as (shown, host):
        host.kernel.write(f"/sys/bus/pci/devices/{PF}/sriov_numvfs", "2")
        await shown.press("W")
        await shown.until(lambda: vfs_of(host) == 2, "VFs")
        await shown.until(lambda: "2/" in shown.text(), "VFs on the screen")
        await plan_for(shown, "0")
        assert "disruptive" in shown.text()
        await shown.press("y")
        assert isinstance(shown.app.screen, PlanScreen)
        await shown.press("tab", "enter")
        assert isinstance(shown.app.screen, PlanScreen)
        monkeypatch.setattr("tui.dialogs.plan.ARMED_AFTER", 0.0)
        await shown.until(lambda: "Do it …" not in shown.text(), "that it can be confirmed")
        await shown.press("enter")
        await shown.until(lambda: "done: " in shown.text(), "the end")
        assert vfs_of(host) == 0


async def test_enter_on_a_plan_is_cancel() -> None:
    async with simulated() as (shown, host):
        await shown.press("W")
        await plan_for(shown, "3")
        await shown.press("enter")
        assert isinstance(shown.app.screen, MainScreen)
        assert vfs_of(host) == 0


async def test_a_plan_in_sight_follows_the_host() -> None:
    async with simulated() as (shown, host):
        vf = "0000:01:10.0"
        for path, text in (
            (f"/sys/bus/pci/devices/{PF}/sriov_drivers_autoprobe", "0"),
            (f"/sys/bus/pci/devices/{PF}/sriov_numvfs", "2"),
        ):
            host.kernel.write(path, text)
        await shown.until(lambda: vfs_of(host) == 2, "VFs")
        for path, text in (
            (f"/sys/bus/pci/devices/{vf}/driver_override", "vfio-pci"),
            ("/sys/bus/pci/drivers_probe", vf),
        ):
            host.kernel.write(path, text)
        await shown.press("W")
        await shown.until(lambda: "2/" in shown.text(), "VFs on the screen")
        await plan_for(shown, "0")
        assert "held by" not in shown.text()
        process = host.kernel.start_process("greedy")
        host.kernel.open_device(process.pid, vf)
        await shown.until(lambda: "held by process greedy" in shown.text(), "the holder")
        assert "Do it" not in shown.text()
        await shown.press("tab", "enter")
        assert vfs_of(host) == 2


async def test_what_kept_a_plan_from_being_made_anew_is_said_until_it_succeeds(monkeypatch: pytest.MonkeyPatch) -> None:
    async with simulated() as (shown, _):
        await shown.press("W")
        await plan_for(shown, "3")
        plan, refused = shown.main.writing.plan, True

        async def sometimes(requests: Sequence[Asked]) -> Plan:
            if refused:
                raise AgentError("the agent is busy")
            return await plan(requests)

        monkeypatch.setattr(shown.main.writing, "plan", sometimes)
        await shown.until(lambda: "the agent is busy" in shown.text(), "what is wrong")
        refused = False
        await shown.until(lambda: "the agent is busy" not in shown.text(), "that it is over")


async def test_a_wrong_number_is_said_and_nothing_is_planned() -> None:
    async with simulated() as (shown, host):
        await shown.press("W")
        await open_form(shown)
        await shown.press("9", "9", "enter")
        assert "a number from 0 to 7" in shown.text()
        await shown.press("escape")
        assert isinstance(shown.app.screen, MainScreen)
        assert vfs_of(host) == 0


async def choose(shown: Screen, key: str) -> None:
    """Choose a change in the menu of the row."""
    await shown.press("x")
    await shown.until(lambda: isinstance(shown.app.screen, MenuScreen), "the menu")
    await shown.press(key)


async def planned(shown: Screen) -> None:
    await shown.until(lambda: isinstance(shown.app.screen, PlanScreen), "the plan")


async def test_what_the_host_hangs_on_wants_its_id_typed() -> None:
    disk = "0000:81:00.0"
    async with simulated(disk, scenario="messy", write=True) as (shown, host):
        await choose(shown, "u")
        await planned(shown)
        assert "carries the root file system" in shown.text()
        assert f"type {disk} to do it" in shown.text()
        await shown.press("y", "tab", "enter")
        assert driver(host, disk) == "nvme"
        await shown.press("escape")
        assert isinstance(shown.app.screen, MainScreen)


async def test_marks_make_one_plan() -> None:
    async with simulated(write=True) as (shown, host):
        for path, text in (
            (f"/sys/bus/pci/devices/{PF}/sriov_drivers_autoprobe", "0"),
            (f"/sys/bus/pci/devices/{PF}/sriov_numvfs", "3"),
        ):
            host.kernel.write(path, text)
        await shown.until(lambda: "3/" in shown.text(), "VFs on the screen")
        await shown.press("j", "space", "space")
        assert "2 marked" in shown.text()
        await choose(shown, "b")
        await shown.until(lambda: isinstance(shown.app.screen, FormScreen), "the form")
        await shown.press("enter")
        await planned(shown)
        assert "and 1 more" in shown.text()
        await shown.press("y")
        await shown.until(lambda: "done: " in shown.text(), "the end")
        assert [driver(host, f"0000:01:10.{n}") for n in (0, 2, 4)] == ["vfio-pci", "vfio-pci", ""]


async def test_a_wrong_word_is_told_by_whoever_plans_and_nothing_is_lost() -> None:
    async with simulated(write=True) as (shown, host):
        host.kernel.write(f"/sys/bus/pci/devices/{PF}/sriov_numvfs", "1")
        await shown.until(lambda: "1/" in shown.text(), "a VF on the screen")
        await shown.press("j")
        await choose(shown, "a")
        await shown.until(lambda: isinstance(shown.app.screen, FormScreen), "the form")
        await shown.press(*"nonsense", "enter")
        await shown.until(lambda: "MAC" in message(shown) or "mac" in message(shown), "what is wrong")
        assert isinstance(shown.app.screen, MainScreen)


def driver(host: SimulatedHost, device: str) -> str:
    """Return the driver of a device, or ""."""
    try:
        return host.files.readlink(f"/sys/bus/pci/devices/{device}/driver").rpartition("/")[2]
    except FileNotFoundError:
        return ""


def boot_file(host: SimulatedHost) -> str:
    try:
        return host.files.read("/etc/iovtop/boot.toml").decode()
    except FileNotFoundError:
        return ""


async def test_a_device_is_saved_to_boot_from_its_row_and_then_saved_no_more() -> None:
    async with simulated(PF, scenario="drift", write=True) as (shown, host):
        assert "▲ drift" in shown.text()
        await choose(shown, "S")
        await planned(shown)
        text = shown.text()
        assert "write what was saved" in text
        assert "iovtop-boot.service" in text
        await shown.press("y")
        await shown.until(lambda: "vfs = 2" in boot_file(host), "the file")
        assert "# in slot 4 until March" in boot_file(host)
        await shown.until(lambda: isinstance(shown.app.screen, RunScreen), "the end")
        await shown.press("enter")
        await shown.until(lambda: isinstance(shown.app.screen, MainScreen), "the tree")
        await choose(shown, "F")
        await planned(shown)
        await shown.press("y")
        await shown.until(lambda: "3c:ec:ef:20:00:01" not in boot_file(host), "no entry")


async def test_a_change_goes_on_in_the_background_and_is_found_again() -> None:
    async with simulated(write=True) as (shown, host):
        sriov = host.kernel.pci.functions[PF].sriov
        assert sriov is not None
        sriov.delay = 5.0
        await plan_for(shown, "3")
        await shown.press("y")
        await shown.until(lambda: isinstance(shown.app.screen, RunScreen), "the run")
        await shown.press("b")
        assert isinstance(shown.app.screen, MainScreen)
        assert "change  step 1 of 1: make 3 VFs" in shown.text()
        await shown.press("W")
        assert "a change is being made" in message(shown)
        await shown.press("R")
        assert isinstance(shown.app.screen, RunScreen)
        assert "to the background" in shown.text()
        await shown.press("b")
        await shown.until(lambda: "has 3 VFs" in message(shown), "the verdict")
        assert vfs_of(host) == 3
        assert "step 1 of 1" not in shown.text()
        await shown.press("R")
        assert "no change is being made" in message(shown)


async def test_danger_undo_and_keys_of_a_long_plan_are_in_sight_on_a_small_screen() -> None:
    async with simulated("0000:01:00.0", (80, 24), scenario="lab", write=True) as (shown, _):
        await shown.press("x")
        await shown.until(lambda: isinstance(shown.app.screen, MenuScreen), "the menu")
        await shown.press("u")
        await shown.until(lambda: isinstance(shown.app.screen, PlanScreen), "the plan")
        assert "▾" in shown.text()
        for words in ("not possible now", "undo: ", "esc back"):
            assert words in shown.text()
