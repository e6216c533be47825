"""The app under test, and how to wait for it without sleeping and hoping."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass
from time import monotonic
from typing import TYPE_CHECKING

from textual.pilot import Pilot
from textual.widget import Widget

from backend.cli.settings import Settings
from backend.model.host import Host
from backend.present.view import View
from tests.tui.builders import FakeLive, never_open
from tui.app import IovtopApp
from tui.bridge import Session
from tui.screens.main import MainScreen
from tui.term.capabilities import detect
from tui.widgets.live_tree import LiveTree
from tui.writing import Opener

if TYPE_CHECKING:
    from tui.app import Connect
    from tui.migrations import Migrations

TERM = {"TERM": "xterm-256color", "COLORTERM": "truecolor"}


def connecting(session: Session, opener: Opener = never_open, migrations: Migrations | None = None) -> Connect:
    """Return what the app is given to reach a host with, for a session that is there already."""
    return lambda: (session, opener, migrations)


@dataclass
class Screen:
    """One running app."""

    app: IovtopApp
    pilot: Pilot[None]
    live: FakeLive

    @property
    def main(self) -> MainScreen:
        found = [screen for screen in self.app.screen_stack if isinstance(screen, MainScreen)]
        return found[0]

    @property
    def tree(self) -> LiveTree:
        return self.main.query_one(LiveTree)

    @property
    def cursor(self) -> str:
        return self.tree.rows.cursor

    def view(self) -> View:
        return self.main.viewing.view

    def focused(self) -> Widget | None:
        return self.app.focused

    async def until(self, holds: Callable[[], object], what: str = "") -> None:
        """Wait until something holds; fail after a while."""
        deadline = monotonic() + 30
        while not holds():
            assert monotonic() < deadline, f"never came: {what}\n{self.text()}"
            await self.pilot.pause()
            await asyncio.sleep(0.005)

    async def press(self, *keys: str) -> None:
        await self.pilot.press(*keys)
        await self.pilot.pause()

    async def give(self, host: Host) -> None:
        """Let the host become this, and wait until the screen shows it."""
        self.live.give(host)
        await self.until(lambda: self.main.viewing.host is host, "the new host")
        await self.pilot.pause()

    def lines(self) -> list[str]:
        """Return what is on the screen, without looks."""
        strips = self.app.screen._compositor.render_strips()
        return [strip.text.rstrip() for strip in strips[: self.app.size.height]]

    def text(self) -> str:
        return "\n".join(self.lines())


@asynccontextmanager
async def screen(
    host: Host | None,
    size: tuple[int, int] = (120, 36),
    *,
    settings: Settings | None = None,
    glyphs: str = "unicode",
    environ: dict[str, str] | None = None,
) -> AsyncIterator[Screen]:
    """Run the app on a host made by hand."""
    live = FakeLive(host)
    live.status.last_update = monotonic() + 1e6
    app = IovtopApp(connecting(live), settings or Settings(), detect(environ or TERM, "utf-8", glyphs))
    async with app.run_test(size=size) as pilot:
        shown = Screen(app, pilot, live)
        await shown.until(lambda: any(isinstance(s, MainScreen) for s in app.screen_stack), "the first screen")
        if host is not None:
            await shown.until(lambda: shown.main.viewing.host is host, "the host")
            await shown.until(lambda: not host.devices or len(shown.tree.rows), "rows")
            await shown.until(lambda: not app._batch_count, "the first picture")
        await pilot.pause()
        yield shown
