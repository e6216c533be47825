"""How the operator left the screen of a host, kept for the next time."""

from __future__ import annotations

import contextlib
import hashlib
import os
import re
from dataclasses import replace
from pathlib import Path

import msgspec

from backend.cli.settings import Settings, state_home
from backend.host.doors import HostDoors
from backend.model.text import clean
from backend.present.view import View

VERSION = 1
MOST_BYTES = 1 << 20


class Arrangement(msgspec.Struct, frozen=True, forbid_unknown_fields=True, omit_defaults=True):
    """What of the screen is the operator's own choice. Marks are not kept: they are for the moment."""

    version: int = VERSION
    theme: str = ""
    view: View = View.DEVICES
    filter: str = ""
    order: str = ""
    """Id of the column by which siblings are ordered; "" as the host numbers them."""
    reverse: bool = False
    wide: bool = False
    open: dict[View, dict[str, bool]] = {}
    """Rows that were opened or closed by hand, by view."""
    settings: tuple[str, str, str] = ("", "", "")
    """Theme, view and filter of the configuration then: what is changed there later goes before this."""

    def in_settings(self, theme: str, settings: tuple[str, str, str]) -> Arrangement:
        """Return the same with the theme that is worn, and what of the configuration it stood on."""
        return msgspec.structs.replace(self, theme=theme, settings=settings)


class Memory:
    """The file of one host, in the state folder."""

    def __init__(self, file: Path) -> None:
        self._file = file
        self.error = ""

    @classmethod
    def of(cls, doors: HostDoors) -> Memory:
        """Return the memory of the host behind ``doors``."""
        name = "-".join(part for part in (doors.source.kind, doors.name(), doors.source.detail) if part)
        # The readable part may be the same for two hosts; the digest is not.
        digest = hashlib.sha256(name.encode("utf-8", "surrogateescape")).hexdigest()[:12]
        readable = re.sub(r"[^A-Za-z0-9.]+", "-", name)[:60].strip("-.")
        return cls(state_home() / "screens" / f"{readable}-{digest}.json")

    def recall(self) -> Arrangement | None:
        """Return how the screen was left; None the first time, or where that cannot be read (see ``error``)."""
        try:
            with self._file.open("rb") as file:
                text = file.read(MOST_BYTES)
            found = msgspec.json.decode(text, type=Arrangement)
        except FileNotFoundError:
            return None
        except (OSError, msgspec.MsgspecError, UnicodeDecodeError, RecursionError) as error:
            self.error = f"how the screen was left cannot be read, it begins afresh: {clean(str(error), 120)}"
            return None
        if found.version != VERSION:
            self.error = "the screen was left by another version: it begins afresh"
            return None
        return found

    def keep(self, arrangement: Arrangement) -> None:
        """Remember how the screen is left. Where nothing can be written, nothing is remembered."""
        draft = self._file.with_suffix(f".{os.getpid()}")
        with contextlib.suppress(OSError):
            draft.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
            draft.write_bytes(msgspec.json.format(msgspec.json.encode(arrangement), indent=1))
            draft.replace(self._file)


def remembered(settings: Settings, found: Arrangement) -> Settings:
    """Return the settings as the operator left them, where neither the command line nor the configuration is newer."""
    theme, *where = found.settings
    if found.theme and "theme" not in settings.typed and settings.configured[0] == theme:
        settings = replace(settings, theme=found.theme)
    if [*settings.configured[1:]] == where:
        settings = replace(settings, view=found.view, filter=found.filter)
    return settings
