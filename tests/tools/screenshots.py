"""The pictures in screenshots/: ``python -m tests.tools.screenshots [NAME ...]``.

Every picture is of a simulated host whose time stands still, so the same code makes the same bytes. PNGs
to look at are made beside, in a folder that is not checked in.
"""

from __future__ import annotations

import argparse
import asyncio
import contextlib
import re
from collections.abc import AsyncIterator, Iterable
from dataclasses import dataclass
from pathlib import Path

import resvg_py
from textual.pilot import Pilot

from backend.cli.settings import Settings
from backend.model.job import Job, JobState
from backend.present.view import View
from tests.tui.jobs import GOING, MOVED, StillMigrations
from tests.tui.pictures import PictureLive
from tui.app import IovtopApp
from tui.screens.main import MainScreen
from tui.term.capabilities import Capabilities, detect

FOLDER = Path(__file__).parents[2] / "screenshots"
SETTINGS = Settings()
WIDE, SMALL = (120, 36), (80, 24)


@dataclass(frozen=True)
class Shot:
    """One picture."""

    name: str
    scenario: str = "lab"
    size: tuple[int, int] = WIDE
    keys: tuple[str, ...] = ()
    settings: Settings = SETTINGS
    until: str = ""
    """Words to wait for: what a key asked for that takes a moment."""
    jobs: tuple[tuple[Job, JobState], ...] | None = None
    """Migrations, as they are; None where there are none to be seen."""
    measured: int = 0
    """Seconds for which the host was measured before."""


VF = ("j",) * 8
SIZES = ((80, 24), (120, 36), (200, 50))

VIEWS = tuple(
    Shot(f"{view}-{columns}x{lines}", scenario, (columns, lines), keys, Settings(view=View(view)))
    for view, scenario, keys in (
        ("devices", "lab", VF),
        ("groups", "messy", ("j",)),
        ("holders", "duo:hv07", ("j",)),
        ("numa", "vgpu", ("j", "j", "j", "j")),
    )
    for columns, lines in SIZES
)
"""Every view at every size."""

JOBS = ((GOING, JobState.RUNNING), (MOVED, JobState.ENDED))

SHOTS = (
    *VIEWS,
    Shot("mdev", keys=("G",)),
    Shot("messy", "messy", keys=("j",)),
    Shot("filter", keys=("slash", *"driver:vfio* !free ")),
    Shot("jump", "duo:hv07", keys=("colon", *"c1:00")),
    Shot("marks", "duo:hv07", keys=("j", "j", "space", "space", "j", "space", "o", "o", "o")),
    Shot("findings", "messy", keys=("exclamation_mark", "j")),
    Shot("migrating", "duo:hv07", keys=("3",), jobs=((GOING, JobState.RUNNING),)),
    Shot("migration", "duo:hv07", keys=("6",), jobs=JOBS),
    Shot("migration-80x24", "duo:hv07", SMALL, ("6",), jobs=JOBS),
    Shot("verdict", "duo:hv07", keys=("6", "j"), jobs=JOBS),
    Shot("pulse", "duo:hv07", keys=("5",), measured=60),
    Shot("menu", "duo:hv07", keys=(*"jjjjjj", "x")),
    Shot("refused", "duo:hv07", keys=(*"jx", "v", "0", "enter"), settings=Settings(write=True), until="held by"),
    Shot("plan", "duo:hv07", keys=(*"jjjjjjx", "b", "enter"), settings=Settings(write=True), until="Do it"),
    Shot("regions", "duo:hv07", keys=("j", "right_square_bracket")),
    Shot("raw", "duo:hv07", (200, 50), ("j", "j", "right_square_bracket", "right_square_bracket")),
    Shot("detail-80x24", size=SMALL, keys=(*VF, "enter")),
    Shot("help", keys=("question_mark",)),
    Shot("light", "duo:hv07", settings=Settings(theme="light"), keys=("j", "j")),
    Shot("high-contrast", "messy", settings=Settings(theme="high-contrast"), keys=("j",)),
    Shot("colour-blind", "messy", settings=Settings(theme="colour-blind"), keys=("j",)),
    Shot("ansi", "duo:hv07", settings=Settings(theme="ansi"), keys=("j", "j")),
    Shot("ascii-mono-80x24", size=SMALL, keys=VF, settings=Settings(theme="mono", glyphs="ascii")),
)


async def make(shot: Shot) -> str:
    """Return the picture as SVG without any address on the network."""
    terminal = detect({"TERM": "xterm-256color", "COLORTERM": "truecolor"}, "utf-8", shot.settings.glyphs)
    async with running(shot, terminal) as app:
        return without_addresses(app.export_screenshot(title="iovtop"))


@contextlib.asynccontextmanager
async def running(shot: Shot, terminal: Capabilities) -> AsyncIterator[IovtopApp]:
    """Run the program up to the moment of the picture."""
    live = PictureLive(shot.scenario)
    if shot.measured:
        await live.measure(shot.measured)
    migrations = StillMigrations(live.doors, *shot.jobs) if shot.jobs is not None else None
    app = IovtopApp(lambda: (live, live.opener, migrations), shot.settings, terminal)
    async with app.run_test(size=shot.size) as pilot:
        await settle(app, pilot, writes=shot.settings.write)
        await press_all(pilot, shot.keys[:-1])
        await settle(app, pilot)  # what the last key opens may lie over a detail that is still to come
        await press_all(pilot, shot.keys[-1:])
        async with asyncio.timeout(20):
            while shot.until not in text_of(app):
                await pilot.pause(0.01)
            await settle(app, pilot)
            before = ""
            while (now := text_of(app)) != before or not now.split("\n", 1)[0].strip():
                before = now
                await pilot.pause(0.05)
        yield app


def text_of(app: IovtopApp) -> str:
    """Return what is on the screen, without looks."""
    return "".join(f"{strip.text.rstrip()}\n" for strip in app.screen._compositor.render_strips())


async def press_all(pilot: Pilot[None], keys: Iterable[str]) -> None:
    """Press keys; signs may stand for themselves."""
    for key in keys:
        await pilot.press({":": "colon", " ": "space", "*": "asterisk", "!": "exclamation_mark"}.get(key, key))


async def settle(app: IovtopApp, pilot: Pilot[None], *, writes: bool = False) -> None:
    """Wait until the host is shown and the detail of the row under the cursor has come."""
    async with asyncio.timeout(20):
        while not (isinstance(app.screen_stack[-1], MainScreen) or len(app.screen_stack) > 2):
            await pilot.pause(0.01)
        main = next(screen for screen in app.screen_stack if isinstance(screen, MainScreen))
        while not _settled(app, main) or (writes and not main.writing.on):
            await pilot.pause(0.01)
    await pilot.pause(0.05)


def _settled(app: IovtopApp, main: MainScreen) -> bool:
    """Return whether the first picture stands, its header too, and the detail has come."""
    return main.viewing.host is not None and main.settled and not app._batch_count and bool(main.header._facts)


def without_addresses(svg: str) -> str:
    """Return the SVG with local fonts only."""
    svg = re.sub(r"<!--.*?-->", "", svg, flags=re.DOTALL)
    svg = re.sub(r',?\s*url\("https?://[^"]*"\)\s*format\("[^"]*"\)', "", svg)
    return svg.replace("font-family: Fira Code, monospace", "font-family: Fira Code, DejaVu Sans Mono, monospace")


def to_png(svg: str, file: Path) -> None:
    """Write the picture as PNG."""
    drawn = svg.replace("Fira Code", "DejaVu Sans Mono")
    file.write_bytes(bytes(resvg_py.svg_to_bytes(svg_string=drawn, font_family="DejaVu Sans Mono")))


def main() -> None:
    """Make all pictures, or the named ones."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("names", nargs="*", metavar="NAME")
    parser.add_argument("--folder", type=Path, default=FOLDER)
    parser.add_argument("--png", type=Path, metavar="FOLDER", default=FOLDER / "png")
    options = parser.parse_args()
    options.folder.mkdir(exist_ok=True)
    options.png.mkdir(exist_ok=True)
    for shot in SHOTS:
        if options.names and shot.name not in options.names:
            continue
        svg = asyncio.run(make(shot))
        file = options.folder / f"{shot.name}.svg"
        file.write_text(svg, "utf-8")
        print(file)
        to_png(svg, options.png / f"{shot.name}.png")


if __name__ == "__main__":
    main()
