"""The command line: options, verbs, errors, exit codes."""

from __future__ import annotations

import argparse
import contextlib
import importlib
import io
import os
import sys
from collections.abc import Callable, Iterable, Sequence
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any, NoReturn

from backend import __version__
from backend.cli.dry_run import with_formats
from backend.cli.exits import CommandError, Exit, OutputError
from backend.cli.open_host import add_host_options, open_host

if TYPE_CHECKING:
    from _typeshed import ReadableBuffer

    from backend.cli.settings import Settings
    from backend.host.doors import HostDoors
    from backend.recording.replay import Replay

    Screen = Callable[[HostDoors | Replay, Settings], int]
    """Opens the dashboard on a host or a recording, and returns its exit code."""

VERBS = {
    "snapshot": "print the host once and exit",
    "watch": "print changes as they happen: line-delimited JSON, or --plain",
    "capture": "record the host in a file that can be sent and opened elsewhere",
    "record": "write down what the host is and does, at an interval",
    "replay": "play a recording on the screen, or tell what is in it",
    "doctor": "report what this terminal, kernel and user allow",
    "log": "print what was changed on this host, by whom, and how it ended",
    "undo": "take a change back",
    "recover": "say how the host stands after changes that did not end, and settle them",
    "do": "run several commands from a file, until one does not end well",
    "regions": "tell the regions of a device, and how its user reaches them",
    "states": "list the states of devices that are kept",
    "why": "list everything that stands in the way of a VM's live migration",
    "compare": "say whether a destination can take a VM over, with everything that differs",
    "migrate": "move a running VM to a QEMU that waits for it, or to another libvirt",
    "evacuate": "move all VMs of this host away, some at a time",
    "jobs": "list migrations, and follow, cancel, continue or adjust one",
}
"""Verb → what it does. Each is a module of this package with ``add_options`` and ``run``.

The verbs that change the host are those of ``backend.agent.verbs``, and are not listed twice.
"""

_GROUPS = {
    "boot": "save what shall be after a boot, see how the host differs, apply it",
    "group": "change an IOMMU group",
    "mdev": "make, remove and define mdevs",
    "state": "keep the state of an mdev in a file, and give it back",
    "vf": "change the policy of a VF",
}
"""First words of verbs of two words → what they are about."""

_OF_THE_SCREEN = {
    "theme": "--theme",
    "screen_ascii": "--ascii",
    "color": "--color",
    "slow": "--slow",
    "no_restore": "--no-restore",
    "screen_write": "--write",
    "no_mouse": "--no-mouse",
    "screen_interval": "--interval",
}
"""Options before a command that only the screen heeds, by where they are kept."""

_EPILOG = """exit codes: 0 fine; 1 a finding (snapshot --check), an operation to be settled (recover), something in a
migration's way (why), or a host that is not as it was saved (boot changes); 2 wrong usage, configuration or
query; 3 something could not be read; 4 no permission to list or change devices; 5 what was named is not
there; 6 refused: nothing was done; 7 failed: it says what was done, or that our output cannot be written; 8 a
step is stuck in the kernel; 9 the host changed since it was looked at; 70 a fault in iovtop; 130 interrupted,
or answered with no; 141 the reader of our output has gone. Without a terminal (a pipe, TERM=dumb) it prints
a snapshot."""


class _Parser(argparse.ArgumentParser):
    """Says what is wrong in one line, with the nearest word that would have been right."""

    def error(self, message: str) -> NoReturn:
        if "invalid choice: " in message:
            from backend.present.filter import suggest

            word = message.split("invalid choice: ", 1)[1].split("'")[1]
            choices = message.rpartition("(choose from ")[2].rstrip(")").replace("'", "").split(", ")
            message = message.partition(" (choose")[0] + (
                suggest(word, choices) or f" (choose from {', '.join(choices)})"
            )
        raise CommandError(f"{message}; see {self.prog} --help")


def make_parser(verbs: Iterable[str] = VERBS, *, changes: bool = True) -> argparse.ArgumentParser:
    """Return the parser of the command line, with the options of ``verbs``: the others cost no import.

    Args:
        changes: whether the verbs that change the host are there too.
    """
    parser = _make_parser_of_the_screen()
    commands = parser.add_subparsers(title="commands", metavar="COMMAND", parser_class=_Parser)
    for name, help_text in VERBS.items():
        command = commands.add_parser(name, help=help_text, description=help_text, allow_abbrev=False)
        if name in verbs:
            module = importlib.import_module(f"backend.cli.{name}")
            module.add_options(command)
            command.set_defaults(run=module.run)
    if changes:
        _add_changes(commands)
    return parser


def _make_parser_of_the_screen() -> _Parser:
    """Return the parser of a command line without a command."""
    parser = _Parser(
        prog="iovtop",
        description="See SR-IOV functions, mdevs, IOMMU groups and who holds them, live.",
        epilog=_EPILOG,
        formatter_class=argparse.RawDescriptionHelpFormatter,
        allow_abbrev=False,
    )
    parser.add_argument("--version", action="version", version=f"iovtop {__version__}")
    parser.add_argument("--config", type=Path, metavar="FILE", help="configuration instead of the user's config.toml")
    parser.add_argument("--print-default-config", action="store_true", help="print a commented config.toml and exit")
    add_host_options(parser)
    screen = parser.add_argument_group("the screen")
    themes = "dark, light, high-contrast, colour-blind, mono, ansi, or one of your own"
    screen.add_argument("--theme", metavar="NAME", help=themes)
    screen.add_argument("--ascii", dest="screen_ascii", action="store_true", help="no signs beyond ASCII")
    screen.add_argument("--color", choices=("auto", "truecolor", "256", "16", "none"), help="how many colours to use")
    screen.add_argument("--slow", action="store_true", help="spare the link: fewer frames, no mouse, 16 colours")
    screen.add_argument("--no-restore", action="store_true", help="begin afresh, not as the screen was left")
    screen.add_argument("--write", dest="screen_write", action="store_true", help="allow changes from the start (W)")
    screen.add_argument("--no-mouse", action="store_true", help="leave the mouse to the terminal")
    screen.add_argument("-d", "--interval", dest="screen_interval", type=float, metavar="SECONDS")
    return parser


def _add_changes(commands: argparse._SubParsersAction[_Parser]) -> None:
    """Add a command for each verb that changes the host; one of two words below a command of the first."""
    from backend.agent.verbs import VERBS as CHANGES
    from backend.cli.change import add_options

    groups: dict[str, argparse._SubParsersAction[Any]] = {}
    for verb in CHANGES.values():
        first, _, second = verb.name.partition(" ")
        if second and first not in groups:
            about = _GROUPS[first]
            group = commands.add_parser(first, help=about, description=about, allow_abbrev=False)
            groups[first] = group.add_subparsers(metavar="COMMAND", parser_class=_Parser, required=True)
        place = groups[first] if second else commands
        text = verb.summary
        command = place.add_parser(second or first, help=text, description=text, allow_abbrev=False)
        add_options(command, verb)
    from backend.cli.boot import add_commands

    add_commands(groups["boot"])


def parse(arguments: Sequence[str]) -> argparse.Namespace:
    """Return what was typed. Raises ``CommandError``."""
    words = [*with_formats(arguments)]
    if not {"-h", "--help"}.intersection(words):
        with contextlib.suppress(CommandError):  # the parser that knows all commands says better what is wrong
            options, rest = _make_parser_of_the_screen().parse_known_args(words)
            if not rest:
                return options
    own = [verb for verb in VERBS if verb in words]
    return make_parser(own, changes=bool(words) and words[0] not in VERBS).parse_args(words)


def run(arguments: Sequence[str], screen: Screen) -> int:
    """Run iovtop with ``arguments``; ``screen`` opens the dashboard when one is wanted."""
    _prepare_output()
    try:
        try:
            code = _run(arguments, screen)
        except CommandError as error:
            with contextlib.suppress(OSError):  # told below
                sys.stdout.flush()
            sys.stderr.write(f"iovtop: {error}\n")
            code = error.code
        except SystemExit:  # argparse has printed a help text
            code = Exit.OK
        sys.stdout.flush()
        return code
    except KeyboardInterrupt:
        return Exit.INTERRUPTED
    except BrokenPipeError:
        # The interpreter flushes standard output once more at exit; there must be something to take it.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return Exit.BROKEN_PIPE
    except OutputError as error:
        sys.stderr.write(f"iovtop: standard output cannot be written: {error.strerror}\n")
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return Exit.FAILED
    except Exception as fault:
        return _crashed(fault)


class _Output(io.FileIO):
    """Standard output, whose errors are not those of other files. Raises ``OutputError``, ``BrokenPipeError``."""

    def write(self, data: ReadableBuffer, /) -> int:
        """Write, and return how many bytes were taken."""
        try:
            return super().write(data)
        except BrokenPipeError:
            raise
        except OSError as error:
            raise OutputError(error.errno, error.strerror) from error


def _prepare_output() -> None:
    """Let standard output take any character, all of a short write, and tell its errors from others."""
    with contextlib.suppress(AttributeError):
        sys.stdout.reconfigure(errors="backslashreplace")  # type: ignore[union-attr]
    buffer = getattr(sys.stdout, "buffer", None)
    if isinstance(getattr(buffer, "raw", buffer), io.FileIO):
        # PYTHONUNBUFFERED leaves no buffer: what a short write leaves over would be lost without a word.
        sys.stdout.flush()
        sys.stdout = io.TextIOWrapper(
            io.BufferedWriter(_Output(sys.stdout.fileno(), "w", closefd=False)), sys.stdout.encoding,
            "backslashreplace", line_buffering=sys.stdout.isatty(),
        )  # fmt: skip


def _crashed(fault: Exception) -> Exit:
    """Keep the traceback in the log file, or show it where that cannot be written, and say so."""
    import traceback

    from backend.cli.settings import state_home

    text = "".join(traceback.format_exception(fault))
    log = state_home() / "iovtop.log"
    try:
        log.parent.mkdir(parents=True, exist_ok=True)
        with log.open("a", encoding="utf-8", errors="backslashreplace") as file:
            file.write(text)
    except OSError:
        sys.stderr.write(text)
    kind = type(fault).__name__
    sys.stderr.write(f"iovtop: a fault in iovtop itself ({kind}: {fault}); please report it, with {log}\n")
    return Exit.CRASH


def _run(arguments: Sequence[str], screen: Screen) -> int:
    options = parse(arguments)
    if options.print_default_config:
        from backend.cli.settings import DEFAULT_CONFIG

        sys.stdout.write(DEFAULT_CONFIG)
        return Exit.OK
    verb = getattr(options, "run", None)
    if verb is not None:
        _admit_screen_options(options)
        with contextlib.closing(open_host(options)) as doors:
            if "player" in options and _has_screen():
                settings = _settings(options)
                played = options.player(doors, options, settings)
                if played is not None:
                    return screen(played, settings)
            return int(verb(doors, options))
    settings = _settings(options)
    with contextlib.closing(open_host(options)) as doors:
        if _has_screen():
            return screen(doors, settings)
        from backend.cli.snapshot import print_plain_host

        return print_plain_host(doors, settings)


def _admit_screen_options(options: argparse.Namespace) -> None:
    """Refuse what only the screen could heed, and a configuration that is named and wrong."""
    if "player" in options:
        return
    absent = (None, False)
    given = [name for name in _OF_THE_SCREEN if not any(getattr(options, name) is value for value in absent)]
    if given:
        raise CommandError(
            f"{_OF_THE_SCREEN[given[0]]} is for the screen, and this command opens none; see iovtop COMMAND --help"
        )
    if options.config is not None:
        _settings(options)


def _has_screen() -> bool:
    return sys.stdin.isatty() and sys.stdout.isatty() and os.environ.get("TERM", "dumb") not in ("dumb", "")


def _settings(options: argparse.Namespace) -> Settings:
    from backend.cli.settings import load_settings

    settings = load_settings(options.config)
    if options.screen_interval is not None and not 0.5 <= options.screen_interval <= 60:
        raise CommandError("--interval must be from 0.5 to 60 seconds")
    typed = {
        "theme": options.theme or None,
        "glyphs": "ascii" if options.screen_ascii else None,
        "color": options.color,
        "slow": "yes" if options.slow else None,
        "restore": False if options.no_restore else None,
        "write": True if options.screen_write else None,
        "mouse": False if options.no_mouse else None,
        "interval": options.screen_interval,
    }
    given = {name: value for name, value in typed.items() if value is not None}
    return replace(settings, typed=frozenset(given), **given)
