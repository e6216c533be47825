"""The application: wiring only."""

from __future__ import annotations

import contextlib
import logging
import os
import sys
from collections.abc import Iterable, Iterator
from pathlib import Path

import msgspec
from textual import events
from textual.app import App, SuspendNotSupported, SystemCommand
from textual.screen import Screen
from textual.widget import Widget

import themes
from backend.cli.exits import CommandError, Exit
from backend.cli.settings import Settings, config_home
from backend.host.doors import HostDoors
from backend.model.text import clean
from backend.ops.errors import AgentError
from backend.present.filter import BadQueryError, parse_query
from backend.recording.replay import Replay
from backend.state.live import Live
from themes.spec import ThemeSpec
from tui.actions import ACTIONS, Scope, bindings
from tui.bridge import Session
from tui.migrations import Migrations, open_migrations
from tui.restore import Arrangement, Memory, remembered
from tui.screens.main import MainScreen
from tui.term.capabilities import Capabilities, Depth, detect
from tui.term.driver import Driver
from tui.term.leaving import LastResort
from tui.term.theme_watch import LOOK_AGAIN, Wardrobe
from tui.term.theming import Look, Skin, textual_name, textual_theme
from tui.widgets.detail_pane import DetailPane
from tui.widgets.entry import printable
from tui.widgets.live_tree import LiveTree
from tui.writing import Opener, Writing, never_change_the_past, never_open, opener_for

_log = logging.getLogger(__name__)


class IovtopApp(App[None]):
    """One host on one screen."""

    TITLE = "iovtop"
    CSS_PATH = Path(__file__).with_name("iovtop.tcss")
    BINDINGS = bindings(Scope.EVERYWHERE)
    ENABLE_COMMAND_PALETTE = True

    def __init__(
        self,
        session: Session,
        settings: Settings,
        terminal: Capabilities,
        opener: Opener = never_open,
        *,
        left: Arrangement | None = None,
        slow: bool = False,
        migrations: Migrations | None = None,
    ) -> None:
        self._migrations = migrations
        self._wardrobe = Wardrobe(config_home() / "themes")
        look = Look(self._wardrobe.put_on(terminal.theme(settings.theme)))
        self._defaults = textual_theme(look.spec).variables
        # Only without colours must Textual be told at once: it chooses its NO_COLOR filter before it has a theme.
        super().__init__(ansi_color=True if terminal.no_color else None, driver_class=Driver)
        self._session = session
        self._writing = Writing(opener, self._given_away)
        self._left = left
        self._chosen_theme = ""
        self._main: MainScreen | None = None
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
            raise AgentError("this terminal cannot be given to sudo for a password", "type `sudo -v` first") from error

    async def on_event(self, event: events.Event) -> None:
        """Let a key of the tree or the detail act before the next one is looked at.

        Textual sends keys to the widget with the focus and looks for their bindings later: of a burst, what was
        typed after ``/`` would still be the tree's, and each letter of it a command.
        """
        if isinstance(event, events.Key) and not event.is_forwarded and isinstance(self.focused, LiveTree | DetailPane):
            for priority in (True, False):
                if await self._check_bindings(event.key, priority):
                    return
        if isinstance(event, events.Paste) and not event.is_forwarded:
            event.text = printable(event.text)
        await super().on_event(event)

    def get_theme_variable_defaults(self) -> dict[str, str]:
        """Return our own variables, for the moment before a theme of ours is chosen."""
        return self._defaults

    def on_mount(self) -> None:
        """Put on the theme and open the first screen."""
        self._wear(self.skin.look.spec)
        self.set_interval(LOOK_AGAIN, self._follow_theme)
        query = parse_query(clean(self._settings.filter))
        main = MainScreen(
            self._session,
            self._writing,
            self.skin,
            self._settings.view,
            query,
            left=self._left,
            slow=self._slow,
            migrations=self._migrations,
        )
        self._main = main
        self.push_screen(main)
        if self._settings.write:
            main.call_after_refresh(main.action_write)
        if self.last_resort is not None:
            self.last_resort.catch_signals(self._leave)
            if isinstance(self._driver, Driver):
                self._driver.last_resort = self.last_resort

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

    def _wear(self, spec: ThemeSpec) -> None:
        self.skin.wear(Look(spec))
        self.register_theme(textual_theme(spec))
        if self.theme == textual_name(spec.name):
            self.mutate_reactive(App.theme)  # the same name, but other colours
        else:
            self.theme = textual_name(spec.name)
        for screen in self.screen_stack:
            if isinstance(screen, MainScreen) and screen.is_mounted:
                screen.restyle()
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
        left = self._left if self._left is not None else Arrangement()
        settings = self._settings
        theme, base = self._chosen_theme or left.theme, left.settings[0]
        if self._chosen_theme or "theme" not in settings.typed:
            base = settings.configured[0]
        return msgspec.structs.replace(self._main.arrangement(), theme=theme, settings=(base, *settings.configured[1:]))

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
        for screen in self.screen_stack:
            if isinstance(screen, MainScreen) and screen.is_mounted:
                screen.status.message(clean(text), warning=warning)

    def get_system_commands(self, screen: Screen[object]) -> Iterable[SystemCommand]:
        """Offer our actions in the command palette."""
        for action in ACTIONS:
            if action.palette:
                yield SystemCommand(action.title, action.help, lambda call=action.call: self._run_command(call))

    async def _run_command(self, call: str) -> None:
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


def run_app(shown: HostDoors | Replay, settings: Settings, *, slow: bool = False) -> int:
    """Show the host behind doors, or a recording, until the operator leaves; return the exit code.

    Raises ``CommandError`` for a theme or filter that means nothing, before the screen opens.
    """
    memory = Memory.of(shown) if settings.restore and not isinstance(shown, Replay) else None
    left = memory.recall() if memory is not None else None
    terminal = detect(glyphs=settings.glyphs, color=settings.color)
    try:
        parse_query(settings.filter)
        migrations = None if isinstance(shown, Replay) else open_migrations(shown)
        app = _app(shown, settings, terminal, left, slow=slow, migrations=migrations)
    except (themes.ThemeError, BadQueryError) as error:
        raise CommandError(clean(str(error))) from error
    _log_to(settings.log_file)
    if memory is not None and memory.error:
        _log.warning("%s", memory.error)
    app.last_resort = LastResort()
    try:
        with _screen_on_stderr():
            app.run(mouse=settings.mouse)
    finally:
        if migrations is not None:
            migrations.close()
    if app.fault:
        sys.stderr.write(f"{app.fault}\n")
    elif memory is not None and app.left_as is not None:
        memory.keep(app.left_as)
    return app.return_code or Exit.OK


def _app(
    shown: HostDoors | Replay,
    settings: Settings,
    terminal: Capabilities,
    left: Arrangement | None,
    *,
    slow: bool,
    migrations: Migrations | None,
) -> IovtopApp:
    """Return the app as the operator left it, or as the settings say where that cannot be had any more."""
    if isinstance(shown, Replay):
        return IovtopApp(shown, settings, terminal, never_change_the_past, slow=slow)
    live, opener = Live(shown, settings.interval, settings.thresholds), opener_for(shown)
    if left is not None:
        with contextlib.suppress(themes.ThemeError, BadQueryError):
            as_left = remembered(settings, left)
            parse_query(as_left.filter)
            return IovtopApp(live, as_left, terminal, opener, left=left, slow=slow, migrations=migrations)
    return IovtopApp(live, settings, terminal, opener, slow=slow, migrations=migrations)


@contextlib.contextmanager
def _screen_on_stderr() -> Iterator[None]:
    """Let standard error be the terminal for a while: Textual paints there, wherever the user sent it."""
    if sys.stderr.isatty() or not sys.stdout.isatty():
        yield
        return
    kept = os.dup(2)
    os.dup2(1, 2)
    try:
        yield
    finally:
        os.dup2(kept, 2)
        os.close(kept)


def _log_to(file: Path | None) -> None:
    """Send the log to ``file``. Nothing may reach standard error while the screen is open."""
    handler: logging.Handler = logging.NullHandler()
    if file is not None:
        try:
            file.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
            if os.access(file if file.exists() else file.parent, os.W_OK):
                handler = logging.FileHandler(file, delay=True)
        except OSError:
            handler = logging.NullHandler()
    handler.setFormatter(logging.Formatter("%(asctime)s %(levelname)s %(name)s: %(message)s"))
    logging.getLogger().addHandler(handler)
