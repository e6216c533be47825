"""A recording on the screen: marked as such, with its own time, which can be stopped, hurried and gone about in."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from time import localtime, monotonic, strftime

import pytest
from textual.pilot import Pilot

from backend.cli.settings import Settings
from backend.counters.all import meter_of
from backend.recording.recording import Recording
from backend.recording.replay import Replay
from tests.pictures import simulated
from tests.tui.screens import TERM, connecting
from tests.unit.recording.test_recording import record
from tui.app import IovtopApp
from tui.screens.pulse import PulseScreen
from tui.term.capabilities import detect
from tui.writing import never_change_the_past

VF = "0000:c1:00.2"


@dataclass
class Playing:
    app: IovtopApp
    pilot: Pilot[None]
    replay: Replay

    def text(self) -> str:
        strips = self.app.screen._compositor.render_strips()
        return "\n".join(strip.text.rstrip() for strip in strips[: self.app.size.height])

    async def until(self, holds: Callable[[], object], what: str) -> None:
        deadline = monotonic() + 20
        while not holds():
            assert monotonic() < deadline, f"never came: {what}\n{self.text()}"
            await self.pilot.pause()
            await asyncio.sleep(0.005)


@pytest.fixture(scope="module")
def recorded(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A recording of two and a half minutes."""
    path = tmp_path_factory.mktemp("recordings") / "r"
    record(path, 150)
    return path


@asynccontextmanager
async def playing(path: Path) -> AsyncIterator[Playing]:
    doors, _ = simulated("duo")
    replay = Replay(Recording(path), meter_of(doors).order)
    app = IovtopApp(connecting(replay, never_change_the_past), Settings(), detect(TERM, "utf-8", "unicode"))
    async with app.run_test(size=(150, 40)) as pilot:
        shown = Playing(app, pilot, replay)
        await shown.until(lambda: VF in shown.text(), "the host")
        yield shown


def _clock(moment: float) -> str:
    return strftime("%Y-%m-%d %H:%M:%S", localtime(moment))


async def test_a_replay_says_so_and_shows_its_own_time(recorded: Path) -> None:
    async with playing(recorded) as shown:
        assert "REPLAY" in shown.text()
        assert "SIMULATED" in shown.text()
        assert "READ-ONLY" not in shown.text()
        await shown.pilot.press("p")
        await shown.until(lambda: "paused" in shown.text(), "the pause")
        stopped = shown.replay.now
        await shown.until(lambda: _clock(stopped) in shown.text(), "the recorded time")
        await shown.pilot.press("full_stop")
        await shown.until(lambda: shown.replay.now >= stopped + 10, "ten seconds on")
        await shown.until(lambda: _clock(shown.replay.now) in shown.text(), "the time there")
        assert not shown.replay.playing
        await shown.pilot.press("right_curly_bracket")
        await shown.until(lambda: shown.replay.now == shown.replay.last, "the end")
        await shown.pilot.press("comma")
        await shown.until(lambda: shown.replay.now <= shown.replay.last - 10, "ten seconds back")
        assert shown.replay.now > shown.replay.last - 12


async def test_a_replay_has_figures_and_their_histories_at_once_after_a_jump(recorded: Path) -> None:
    async with playing(recorded) as shown:
        await shown.pilot.press("p", "right_curly_bracket", "comma")
        await shown.until(lambda: shown.replay.now > shown.replay.last - 12 and shown.replay.host, "near its end")
        host = shown.replay.host
        assert host is not None
        flow = next(flow for flow in host.activity[VF] if flow.set.id == "interrupts")
        assert flow.rates[0] is not None
        assert len([v for v in shown.replay.recent(VF, flow, 0) if v is not None]) > 60


async def test_speed_is_shown_and_nothing_can_be_changed(recorded: Path) -> None:
    async with playing(recorded) as shown:
        await shown.pilot.press("plus", "plus")
        await shown.until(lambda: " 5x\n" in shown.text(), "the speed")
        await shown.pilot.press("minus")
        await shown.until(lambda: " 2x\n" in shown.text(), "a lower speed")
        await shown.pilot.press("W")
        await shown.until(lambda: "cannot be changed" in shown.text(), "why not")


async def test_it_stops_at_its_end_and_begins_again_when_told(recorded: Path) -> None:
    async with playing(recorded) as shown:
        await shown.pilot.press("right_curly_bracket")
        await shown.until(lambda: not shown.replay.playing and "paused" in shown.text(), "its end")
        await shown.pilot.press("p")
        await shown.until(lambda: shown.replay.playing and shown.replay.now < shown.replay.last - 5, "its beginning")


async def test_the_pulse_of_a_recording_is_steered_by_the_same_keys(recorded: Path) -> None:
    async with playing(recorded) as shown:
        await shown.pilot.press("5")
        await shown.until(lambda: isinstance(shown.app.screen, PulseScreen), "the pulse")
        await shown.pilot.press("p", "right_curly_bracket")
        await shown.until(lambda: shown.replay.now == shown.replay.last, "the end")
        await shown.until(lambda: f"{_clock(shown.replay.now)}  paused" in shown.text(), "its time")
        assert "REPLAY" in shown.text()
        await shown.pilot.press("comma")
        await shown.until(lambda: shown.replay.now == shown.replay.last - 10, "ten seconds back")
