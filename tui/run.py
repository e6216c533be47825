"""From settings to the screen, and from the screen to an exit code."""

from __future__ import annotations

import contextlib
import logging
import os
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

from backend.cli.exits import CommandError, Exit
from backend.cli.settings import Settings
from backend.model.text import clean
from tui.app import IovtopApp
from tui.term.capabilities import Capabilities, detect
from tui.term.leaving import LastResort

if TYPE_CHECKING:
    from typing_extensions import TypeIs

    from backend.host.doors import HostDoors
    from backend.recording.replay import Replay
    from tui.bridge import Session
    from tui.migrations import Migrations
    from tui.restore import Arrangement, Memory
    from tui.writing import Opener

_log = logging.getLogger(__name__)

SWITCH = 0.001
"""Seconds for which the threads that read keys and write to the terminal wait for what runs. Python's own five
milliseconds are most of what a key may take."""


def run_app(shown: HostDoors | Replay, settings: Settings, *, slow: bool = False) -> int:
    """Show the host behind doors, or a recording, until the operator leaves; return the exit code.

    Raises ``CommandError`` for a theme or filter that means nothing, before the screen opens.
    """
    memory = _memory(shown) if settings.restore and not _is_replay(shown) else None
    left = memory.recall() if memory is not None else None
    terminal = detect(glyphs=settings.glyphs, color=settings.color)
    try:
        _check_filter(settings.filter)
        app = _app(shown, settings, terminal, left, slow=slow)
    except ValueError as error:  # a theme or a filter
        raise CommandError(clean(str(error))) from error
    _log_to(settings.log_file)
    sys.setswitchinterval(SWITCH)
    if memory is not None and memory.error:
        _log.warning("%s", memory.error)
    app.last_resort = LastResort()
    try:
        with _screen_on_stderr():
            app.run(mouse=settings.mouse)
    finally:
        if app.migrations is not None:
            app.migrations.close()
    if app.fault:
        sys.stderr.write(f"{app.fault}\n")
    elif memory is not None and app.left_as is not None:
        memory.keep(app.left_as)
    return app.return_code or Exit.OK


def _app(
    shown: HostDoors | Replay, settings: Settings, terminal: Capabilities, left: Arrangement | None, *, slow: bool
) -> IovtopApp:
    """Return the app as the operator left it, or as the settings say where that cannot be had any more."""

    def connect() -> tuple[Session, Opener, Migrations | None]:
        import tui.screens.main  # noqa: F401
        from backend.state.live import Live
        from tui.migrations import open_migrations
        from tui.writing import never_change_the_past, opener_for

        if _is_replay(shown):
            return shown, never_change_the_past, None
        return Live(shown, settings.interval, settings.thresholds), opener_for(shown), open_migrations(shown)

    if left is not None:
        from tui.restore import remembered

        with contextlib.suppress(ValueError):
            as_left = remembered(settings, left)
            _check_filter(as_left.filter)
            return IovtopApp(connect, as_left, terminal, left=left, slow=slow)
    return IovtopApp(connect, settings, terminal, slow=slow)


def _memory(doors: HostDoors) -> Memory:
    """Return how the screen of this host was left; loaded only where that is wanted."""
    from tui.restore import Memory

    return Memory.of(doors)


def _is_replay(shown: HostDoors | Replay) -> TypeIs[Replay]:
    """Return whether a recording is shown; asked without loading what plays one."""
    return hasattr(shown, "playing")


def _check_filter(query: str) -> None:
    """Raise ``BadQueryError`` for a filter that means nothing."""
    if query:
        from backend.present.filter import parse_query

        parse_query(query)


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
