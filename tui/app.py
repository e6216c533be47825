"""The application: wiring only."""

from __future__ import annotations

import asyncio
import contextlib
import logging
import sys
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING

from textual import events
from textual.app import App, SuspendNotSupported, SystemCommand
from textual.screen import Screen
from textual.widget import Widget

import themes
from backend.cli.exits import Exit
from backend.cli.settings import Settings, config_home
from backend.model.text import clean
from themes.spec import ThemeSpec
from tui.actions import ACTIONS, Scope, bindings
from tui.screens.opening import OpeningScreen
from tui.term.capabilities import Capabilities, Depth
from tui.term.cropping import crop_changes
from tui.term.driver import Driver
from tui.term.leaving import LastResort
from tui.term.theme_watch import LOOK_AGAIN, Wardrobe
from tui.term.theming import Look, Skin, textual_name, textual_theme
from tui.widgets.header import Pulse
from tui.widgets.immediate import Immediate

if TYPE_CHECKING:
    from tui.bridge import Session
    from tui.migrations import Migrations
    from tui.restore import Arrangement
    from tui.screens.main import MainScreen
    from tui.writing import Opener

    Connect = Callable[[], tuple[Session, Opener, Migrations | None]]
    """Loads and opens what reads the host, what changes it and what moves its VMs. Runs in a thread."""

_log = logging.getLogger(__name__)


_TITLE = 28
"""Cells for the name of a command; its keys stand behind."""


class IovtopApp(App[None]):
    """One host on one screen.

    The first frame stands before what reads hosts is loaded: most of a start is loading.
    """

    TITLE = "iovtop"
    CSS_PATH = Path(__file__).with_name("iovtop.tcss")
    BINDINGS = bindings(Scope.EVERYWHERE)
    ENABLE_COMMAND_PALETTE = True

    def __init__(
        self,
        connect: Connect,
        settings: Settings,
        terminal: Capabilities,
        *,
        left: Arrangement | None = None,
        slow: bool = False,
    ) -> None:
        crop_changes()
        self._wardrobe = Wardrobe(config_home() / "themes")
        look = Look(self._wardrobe.put_on(terminal.theme(settings.theme)))
        # Only without colours must Textual be told at once: it chooses its NO_COLOR filter before it has a theme.
        super().__init__(ansi_color=True if terminal.no_color else None, driver_class=Driver)
        self._begin_in(look.spec)
        self.use_command_palette = False  # until there is something to command
        self._connect = connect
        self._left = left
        self._chosen_theme = ""
        self._main: MainScreen | None = None
        self.migrations: Migrations | None = None
        self._slow = slow
        self.last_resort: LastResort | None = None
        self._settings = settings
        self._terminal = terminal
        self.skin = Skin(look, terminal.glyphs)
        self.animation_level = "none"
        self.fault = ""
        self.left_as: Arrangement | None = None
        """How the screen is left; None when there never was a host to look at."""

    @contextlib.contextmanager
    def _given_away(self) -> Iterator[None]:
        """Give the terminal to whoever asks for a password there."""
        try:
            with self.suspend():
                sys.stderr.write("iovtop: changing this host needs root\n")
                sys.stderr.flush()
                yield
        except SuspendNotSupported as error:
            from backend.ops.errors import AgentError

            raise AgentError("this terminal cannot be given to sudo for a password", "type `sudo -v` first") from error

    async def on_event(self, event: events.Event) -> None:
        """Let a key of the tree, the detail or an entry act before the next one is looked at.

        Textual sends keys to the widget with the focus and looks for their bindings later: of a burst, what was
        typed after ``/`` would still be the tree's, and each letter of it a command; what follows Enter would still
        be text.
        """
        if isinstance(event, events.Key | events.MouseEvent):
            from backend.state.schedule import let_readings_rest

            let_readings_rest()
        if isinstance(event, events.Key) and not event.is_forwarded and await self._acted_on(event):
            return
        if isinstance(event, events.Paste) and not event.is_forwarded:
            from tui.widgets.entry import printable

            event.text = printable(event.text)
            if isinstance(self.focused, Immediate) and self.focused.take_text(event.text):
                return
        await super().on_event(event)

    async def _acted_on(self, key: events.Key) -> bool:
        """Return whether the widget with the focus wants to act on its keys at once, and did."""
        focused = self.focused
        if not isinstance(focused, Immediate):
            return False
        if await self._check_bindings(key.key, priority=True):
            return True
        if key.is_printable and key.character is not None and focused.take_text(key.character):
            return True
        return await self._check_bindings(key.key)

    def get_default_screen(self) -> OpeningScreen:
        """Return the first frame."""
        return OpeningScreen(self.skin, Pulse(self._settings.interval, reading=True, slow=self._slow))

    def on_mount(self) -> None:
        """Watch the theme and the ways out; go on once the first frame stands."""
        self.set_interval(LOOK_AGAIN, self._follow_theme)
        if self.last_resort is not None:
            self.last_resort.catch_signals(self._leave)
            if isinstance(self._driver, Driver):
                self._driver.last_resort = self.last_resort
        self.call_after_refresh(self.run_worker, self._open_main())

    async def _open_main(self) -> None:
        """Load what reads the host, and show it. Keys are heard meanwhile."""
        session, opener, self.migrations = await asyncio.to_thread(self._connect)
        from backend.present.filter import parse_query
        from tui.screens.main import MainScreen
        from tui.writing import Writing

        settings = self._settings
        query = parse_query(clean(settings.filter))
        writing = Writing(opener, self._given_away)
        main = MainScreen(
            session,
            writing,
            self.skin,
            settings.view,
            query,
            left=self._left,
            slow=self._slow,
            migrations=self.migrations,
        )
        self._main = main
        await self.push_screen(main)
        self.use_command_palette = True
        if settings.write:
            main.call_after_refresh(main.action_write)

    def _leave(self, code: int) -> None:
        """Leave because of a signal, in whose handler this runs."""
        if self._loop is not None:
            self._loop.call_soon_threadsafe(lambda: self.exit(return_code=code))

    def exit(self, result: None = None, return_code: int = 0, message: object = None) -> None:
        """Leave; should that hang, the last resort ends the process."""
        if self.last_resort is not None:
            self.last_resort.arm(return_code)
        self.left_as = self._arrangement()
        super().exit(result, return_code, None)

    def _begin_in(self, spec: ThemeSpec) -> None:
        """Put on the first theme, before any style sheet is read: to change it later costs reading them all again."""
        theme = textual_theme(spec)
        self.register_theme(theme)
        self.set_reactive(App.theme, theme.name)
        self.set_class(theme.dark, "-dark-mode", update=False)
        self.set_class(not theme.dark, "-light-mode", update=False)
        self.stylesheet.set_variables(self.get_css_variables())
        self._refresh_truecolor_filter(self.ansi_theme)

    def _wear(self, spec: ThemeSpec) -> None:
        self.skin.wear(Look(spec))
        self.register_theme(textual_theme(spec))
        if self.theme == textual_name(spec.name):
            self.mutate_reactive(App.theme)  # the same name, but other colours
        else:
            self.theme = textual_name(spec.name)
        for screen in self.screen_stack:
            if screen is self._main and self._main.is_mounted:
                self._main.restyle()
                continue
            for widget in screen.query(Widget):
                getattr(widget, "restyle", widget.refresh)()

    def action_next_theme(self) -> None:
        """Change to the next theme that this terminal can show, and say which could not be used on the way."""
        poor = self._terminal.no_color or self._terminal.depth <= Depth.SIXTEEN
        spec, wrong = self._wardrobe.next(lambda spec: spec.ansi or not poor)
        if spec is not None:
            self._chosen_theme = spec.name
            self._wear(spec)
            self._say(f"theme {spec.name}; {wrong}" if wrong else f"theme {spec.name}", warning=bool(wrong))

    def _arrangement(self) -> Arrangement | None:
        if self._main is None or self._main.viewing.host is None:
            return None
        left, settings = self._left, self._settings
        theme, base = (left.theme, left.settings[0]) if left is not None else ("", "")
        theme = self._chosen_theme or theme
        if self._chosen_theme or "theme" not in settings.typed:
            base = settings.configured[0]
        return self._main.arrangement().in_settings(theme, (base, *settings.configured[1:]))

    def _follow_theme(self) -> None:
        """Wear the theme as its user has changed it, or the look before if that cannot be used."""
        try:
            spec = self._wardrobe.changed()
        except themes.ThemeError as error:
            self._say(f"{error.brief}; the look before stays", warning=True)
            return
        if spec is not None:
            self._wear(spec)
            self._say(f"theme {spec.name} read again")

    def _say(self, text: str, *, warning: bool = False) -> None:
        if self._main is not None and self._main.is_mounted:
            self._main.bar.message(clean(text), warning=warning)

    def get_system_commands(self, screen: Screen[object]) -> Iterable[SystemCommand]:
        """Offer our actions in the command palette."""
        for action in ACTIONS:
            if action.palette:
                title = f"{action.title:<{_TITLE}} {action.shown_keys}"
                yield SystemCommand(title, action.help, lambda call=action.call: self._run_command(call))

    async def _run_command(self, call: str) -> None:
        if self.screen is self._main and self._main is not None:
            self._main.command_chosen()
        await self.run_action(call, default_namespace=self.screen if hasattr(self.screen, "bridge") else self)

    def _handle_exception(self, error: Exception) -> None:
        """Log a fault and leave, with one line instead of a page of traceback."""
        self._return_code = Exit.CRASH
        if self._exception is not None:
            return
        self._exception = error
        self._exception_event.set()
        _log.critical("a fault in iovtop", exc_info=error)
        where = self._settings.log_file
        words = clean(f"{type(error).__name__}: {error}", 200)
        self.fault = f"iovtop: a fault in iovtop itself: {words}; details in {where or 'no log file'}"
        self._close_messages_no_wait()

    def _fatal_error(self) -> None:
        """Do the same for faults that Textual reports by itself."""
        error = sys.exc_info()[1]
        self._handle_exception(error if isinstance(error, Exception) else RuntimeError("unknown fault"))
