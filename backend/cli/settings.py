"""The user's settings: config.toml below the command line."""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import dataclass, field, fields, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

from backend.cli.exits import CommandError
from backend.present.view import View

if TYPE_CHECKING:
    from backend.model.threshold import Threshold

DEFAULT_CONFIG = """\
# iovtop configuration. Every key is shown with its default; the command line goes before this file.

[screen]
# Theme: dark, light, high-contrast, colour-blind, mono, ansi, or the name of a file in the folder themes/ beside this.
theme = "dark"
# Seconds between two readings of what is on screen, 0.5 to 60.
interval = 1.0
# Signs: auto, unicode or ascii.
glyphs = "auto"
# Colours: auto, truecolor, 256, 16 or none.
color = "auto"
# For a slow link: fewer frames, a longer interval, no mouse, 16 colours. auto measures it over SSH; or yes, no.
slow = "auto"
# Whether the screen begins as you left it on this host: view, filter, order, open rows, width, theme.
restore = true
# Whether the mouse is used. Without it the terminal's own selection works.
mouse = true
# The view to begin with: devices, groups, holders or numa.
view = "devices"
# A filter to begin with.
filter = ""

# Thresholds: what is beyond one is a finding. Every device is measured then, on screen or not. For example:
# [thresholds.lost-packets]
# counter = "drops"    # in, out, traps, interrupts, errors, cpu, ..., or SET.COUNTER as in "hwmon.temp1_input"
# above = 100          # or below; in the unit of the screen: bytes a second, °C, % of a CPU; "1.5M" is 1500000
# clear = 50           # where it is well again; 10 % inside the limit if not said
# for = 10             # seconds that it must be beyond, or well again, before that is told
# severity = "warning" # info, warning or error

[log]
# File for what goes wrong while the screen is in use; empty = iovtop.log in the state folder.
file = ""
"""

CHOICES = {
    "glyphs": ("auto", "unicode", "ascii"),
    "color": ("auto", "truecolor", "256", "16", "none"),
    "slow": ("auto", "yes", "no"),
}
"""Keys that take one of a few words."""


_ELSEWHERE = frozenset({"log_file", "thresholds", "typed", "configured", "write"})
"""Fields that are no keys of the section [screen]."""


@dataclass(frozen=True, slots=True)
class Settings:
    """What the screen is started with."""

    theme: str = "dark"
    interval: float = 1.0
    glyphs: Literal["auto", "unicode", "ascii"] = "auto"
    color: Literal["auto", "truecolor", "256", "16", "none"] = "auto"
    slow: Literal["auto", "yes", "no"] = "auto"
    restore: bool = True
    mouse: bool = True
    write: bool = False
    """Whether changes are allowed from the start. Only the command line may say so."""
    view: View = View.DEVICES
    filter: str = ""
    log_file: Path | None = None
    thresholds: tuple[Threshold, ...] = ()
    typed: frozenset[str] = frozenset()
    """Names of the fields that the command line gave: these go before everything remembered or measured."""
    configured: tuple[str, str, str] = field(default=("dark", "devices", ""), compare=False)
    """Theme, view and filter of the configuration, whatever was typed or remembered."""


def config_home() -> Path:
    """Return the folder of the user's configuration (XDG)."""
    return Path(os.environ.get("XDG_CONFIG_HOME") or Path.home() / ".config") / "iovtop"


def state_home() -> Path:
    """Return the folder of what iovtop itself writes (XDG; /var/lib/iovtop for root)."""
    if "XDG_STATE_HOME" in os.environ:
        return Path(os.environ["XDG_STATE_HOME"]) / "iovtop"
    return Path("/var/lib/iovtop") if os.geteuid() == 0 else Path.home() / ".local/state/iovtop"


def load_settings(path: Path | None = None) -> Settings:
    """Return the settings of ``path``, or of the user's config.toml where there is one.

    Raises ``CommandError`` for a file that cannot be read, an unknown key or a wrong value.
    """
    file = path or config_home() / "config.toml"
    try:
        text = file.read_text()
    except FileNotFoundError:
        if path is not None:
            raise CommandError(f"{file}: no such file") from None
        text = ""
    except (OSError, UnicodeDecodeError) as error:
        raise CommandError(f"{file}: cannot be read: {error}") from error
    settings = _from_toml(text, file) if text else Settings()
    return replace(
        settings,
        log_file=settings.log_file or state_home() / "iovtop.log",
        configured=(settings.theme, settings.view.value, settings.filter),
    )


def _from_toml(text: str, file: Path) -> Settings:
    import tomllib

    try:
        data = tomllib.loads(text)
    except tomllib.TOMLDecodeError as error:
        raise CommandError(f"{file}: not valid TOML: {error}") from error
    _known(data, ("screen", "thresholds", "log"), file, "section")
    screen = _table(data, "screen", file)
    log = _table(data, "log", file)
    names = [one.name for one in fields(Settings) if one.name not in _ELSEWHERE]
    _known(screen, names, file, "key", "screen.")
    _known(log, ("file",), file, "key", "log.")
    values = {name: _checked(f"screen.{name}", value, file) for name, value in screen.items()}
    log_file = log.get("file", "")
    if not isinstance(log_file, str):
        raise CommandError(f"{file}: log.file must be a text, not {log_file!r}")
    thresholds: tuple[Threshold, ...] = ()
    if found := _table(data, "thresholds", file):
        from backend.cli.thresholds import parse_thresholds

        thresholds = parse_thresholds(found, file)
    return Settings(**values, log_file=Path(log_file).expanduser() if log_file else None, thresholds=thresholds)


def _table(data: Mapping[str, Any], name: str, file: Path) -> Mapping[str, Any]:
    table = data.get(name, {})
    if not isinstance(table, dict):
        raise CommandError(f"{file}: {name} must be a section: write [{name}] on a line of its own")
    return table


def _known(
    data: Mapping[str, Any], names: tuple[str, ...] | list[str], file: Path, kind: str, prefix: str = ""
) -> None:
    for name in data:
        if name not in names:
            import difflib

            near = difflib.get_close_matches(name, names, 1)
            hint = f"did you mean {prefix}{near[0]}?" if near else f"known: {', '.join(prefix + n for n in names)}"
            raise CommandError(f"{file}: unknown {kind} {prefix}{name}; {hint}")


def _checked(name: str, value: Any, file: Path) -> Any:
    def wrong(wanted: str) -> CommandError:
        return CommandError(f"{file}: {name} must be {wanted}, not {value!r}")

    key = name.partition(".")[2]
    if key == "interval":
        if isinstance(value, bool) or not isinstance(value, int | float) or not 0.5 <= value <= 60:
            raise wrong("a number of seconds from 0.5 to 60")
        return float(value)
    if key in ("mouse", "restore"):
        if not isinstance(value, bool):
            raise wrong("true or false")
        return value
    if not isinstance(value, str):
        raise wrong("a text")
    if key in CHOICES and value not in CHOICES[key]:
        raise wrong(f"{', '.join(CHOICES[key][:-1])} or {CHOICES[key][-1]}")
    if key == "view":
        if value not in list(View):
            raise wrong(", ".join(View))
        return View(value)
    return value
