"""The main states as text: ``IOVTOP_UPDATE_SNAPSHOTS=1`` writes them anew."""

from __future__ import annotations

import asyncio
import os
from pathlib import Path

import pytest

from backend.cli.settings import Settings
from tests.tools.screenshots import FOLDER as PICTURES
from tests.tools.screenshots import SHOTS, Shot, make, running, settle, text_of, without_addresses
from tests.tui.pictures import PictureLive
from tests.tui.screens import TERM, connecting
from tui.app import IovtopApp
from tui.term.capabilities import detect

FOLDER = Path(__file__).parent / "snapshots"
MORE = (
    Shot("bare", "bare"),
    Shot("small", size=(30, 5)),
    Shot("nothing-matches", "duo:hv07", size=(80, 24), keys=("slash", *"nosuch")),
    Shot("groups-ascii", "lab", size=(80, 24), keys=("2",), settings=Settings(glyphs="ascii")),
)


@pytest.mark.parametrize("shot", [*SHOTS, *MORE], ids=lambda shot: shot.name)
async def test_the_screen_looks_as_it_did(shot: Shot) -> None:
    async with running(shot, detect(TERM, "utf-8", shot.settings.glyphs)) as app:
        text = text_of(app)
    file = FOLDER / f"{shot.name}.txt"
    if os.environ.get("IOVTOP_UPDATE_SNAPSHOTS"):
        file.write_text(text, "utf-8")
    assert text == file.read_text("utf-8")


@pytest.mark.parametrize("shot", SHOTS, ids=lambda shot: shot.name)
async def test_the_pictures_are_of_this_program(shot: Shot) -> None:
    kept = (PICTURES / f"{shot.name}.svg").read_text("utf-8")
    assert await make(shot) == kept, "make screenshots draws them anew: look at what changed"


def test_no_picture_is_left_over() -> None:
    assert {file.stem for file in PICTURES.glob("*.svg")} == {shot.name for shot in SHOTS} | {"real-kernel"}


async def test_what_is_hidden_says_what_would_show_it() -> None:
    app = IovtopApp(connecting(PictureLive("lab", privileged=False)), Settings(), detect(TERM, "utf-8", "unicode"))
    async with app.run_test(size=(120, 36)) as pilot:
        await settle(app, pilot)
        async with asyncio.timeout(20):  # findings are looked for beside the picture
            while "not every holder is known" not in text_of(app):
                await pilot.pause(0.01)


async def test_pictures_are_the_same_every_time_and_name_no_address() -> None:
    first, second = [await make(SHOTS[0]) for _ in range(2)]
    assert first == second
    assert "://" not in first.replace("http://www.w3.org/2000/svg", "")
    assert without_addresses(first) == first
