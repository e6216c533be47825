"""Whether a program that runs as root could be changed by somebody else."""

from __future__ import annotations

import os
import stat
from collections.abc import Iterable


def changeable(places: Iterable[str]) -> str:
    """Return the first of some files and folders that another user than root may change, or one above it; "" = none.

    Links are followed: what counts is what is run.
    """
    seen: set[str] = set()
    for place in places:
        path = os.path.realpath(place)
        while path not in seen:
            seen.add(path)
            if _by_others(path):
                return path
            path = os.path.dirname(path)
    return ""


def _by_others(path: str) -> bool:
    try:
        found = os.stat(path)
    except OSError:
        return False
    others = found.st_mode & (stat.S_IWOTH | (stat.S_IWGRP if found.st_gid else 0))
    sticky = stat.S_ISDIR(found.st_mode) and found.st_mode & stat.S_ISVTX
    return found.st_uid != 0 or bool(others and not sticky)


def files_below(folder: str) -> Iterable[str]:
    """Yield all files and folders below a folder."""
    for above, folders, files in os.walk(folder):
        yield from (os.path.join(above, name) for name in (*folders, *files))
