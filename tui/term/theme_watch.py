"""The theme that is worn, and whether the user has changed its file since."""

from __future__ import annotations

import os
from bisect import bisect_right
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import themes
from themes.spec import ThemeSpec

LOOK_AGAIN = 1.0
"""Seconds between two looks at the file of the theme that is worn."""

_Stamp = tuple[int, int, int] | None


@dataclass(frozen=True, slots=True)
class _Worn:
    name: str
    file: Path | None
    """The user's file; None for a shipped theme, which is not watched."""
    stamp: _Stamp


class Wardrobe:
    """The shipped themes and the user's own in ``folder``, one of which is worn."""

    def __init__(self, folder: Path | None) -> None:
        self._folder = folder
        self._worn = _Worn("", None, None)

    def put_on(self, name: str) -> ThemeSpec:
        """Return the theme ``name``, worn from now on, or raise ``ThemeError``."""
        spec, self._worn = self._take(name)
        return spec

    def next(self, fits: Callable[[ThemeSpec], bool]) -> tuple[ThemeSpec | None, str]:
        """Put on the next theme that fits; return it, and what is wrong with the first that had to be left out."""
        known = themes.names(self._folder)
        after = bisect_right(known, self._worn.name)
        wrong = ""
        for name in (*known[after:], *known[:after]):
            try:
                spec, worn = self._take(name)
            except themes.ThemeError as error:
                wrong = wrong or error.brief
                continue
            if fits(spec):
                self._worn = worn
                return spec, wrong
        return None, wrong

    def changed(self) -> ThemeSpec | None:
        """Return the theme that is worn as its file says now; None if the file is as it was, or no file of the user's.

        Raises ``ThemeError`` for a file that cannot be used any more, once for each change of it. A file that
        went away is waited for.
        """
        worn = self._worn
        if worn.file is None:
            return None
        stamp = _stamp(worn.file)
        if stamp == worn.stamp:
            return None
        self._worn = _Worn(worn.name, worn.file, stamp)
        if stamp is None and worn.name not in themes.names(self._folder):
            raise themes.ThemeError("is gone", str(worn.file))
        return themes.load(worn.name, self._folder)

    def _take(self, name: str) -> tuple[ThemeSpec, _Worn]:
        file = themes.own_file(name, self._folder)
        # Before it is read: what is written while it is read must be seen as a change afterwards.
        worn = _Worn(name, file, _stamp(file) if file is not None else None)
        return themes.load(name, self._folder), worn


def _stamp(file: Path) -> _Stamp:
    """Return what is another for a file that was written or replaced; None for no file."""
    try:
        found = os.stat(file)
    except OSError:
        return None
    return found.st_mtime_ns, found.st_size, found.st_ino
