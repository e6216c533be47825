"""What did not change stays the very same object, so that whoever compares pictures compares identities."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from operator import is_
from typing import TypeVar

from backend.model.steps import Steps, batches

K = TypeVar("K")
T = TypeVar("T")


def reuse(old: T | None, new: T) -> T:
    """Return ``old`` where ``new`` equals it."""
    return old if old is not None and old == new else new


def reuse_each(old: Mapping[K, T], fresh: Iterable[tuple[K, T]]) -> Steps[dict[K, T]]:
    """Return what is in ``fresh``, by the objects of ``old`` where they equal it."""
    found: dict[K, T] = {}
    for some in batches(fresh):
        found |= {key: reuse(old.get(key), new) for key, new in some}
        yield
    return found


def reuse_map(old: Mapping[K, T] | None, new: Mapping[K, T]) -> Mapping[K, T]:
    """Return ``old`` itself when ``new`` holds the very same objects."""
    if old is None or len(old) != len(new):
        return new
    return old if all(map(is_, map(old.get, new), new.values())) else new
