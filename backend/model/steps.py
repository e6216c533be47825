"""Work in steps: whoever runs it decides how long it may keep others waiting."""

from __future__ import annotations

from collections.abc import Generator, Iterable, Iterator
from itertools import islice
from typing import TypeVar

T = TypeVar("T")

Steps = Generator[None, None, T]
"""Work that can be left alone at each ``yield``, and returns its result at the end."""

BATCH = 64
"""Records of which something is only worked out, not read, between two steps: well below a millisecond."""


def at_once(steps: Steps[T]) -> T:
    """Run ``steps`` to their end without a pause: for commands that have nothing else to do."""
    try:
        while True:
            next(steps)
    except StopIteration as end:
        result: T = end.value
        return result


def batches(items: Iterable[T], size: int = BATCH) -> Iterator[list[T]]:
    """Yield ``items`` by the dozen, for loops that make a step after each batch."""
    iterator = iter(items)
    while batch := list(islice(iterator, size)):
        yield batch
