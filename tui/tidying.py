"""When garbage is looked for: often, through little; through all that is new only while nobody presses a key."""

from __future__ import annotations

import gc
from time import perf_counter

from backend.state.schedule import undisturbed

BRIEFLY = (2_000, 10, 100)
"""Thresholds of the collector: it looks often, through little; through a whole host keeps the keys waiting."""
EVERY = 10.0
"""Seconds from one look through everything to the next: what Textual keeps of lines that were drawn refers to itself,
and nothing else would give it back."""
QUIET = 1.0
"""Seconds without a key after which a look through everything keeps nobody waiting."""
SHARE = 500
"""Such looks may take one part in so many of the time."""


class Tidying:
    """Looks for garbage from the first picture on; before it the collector is off, for nothing goes away again."""

    def __init__(self) -> None:
        self._due = perf_counter() + EVERY
        gc.enable()
        gc.freeze()  # the first picture is most of what there will ever be, and it stays
        gc.set_threshold(*BRIEFLY)

    def beat(self) -> None:
        """Look through all that came since the first picture, when that is due and nobody presses a key."""
        begun = perf_counter()
        if begun < self._due or undisturbed() < QUIET:
            return
        gc.collect()
        now = perf_counter()
        self._due = now + max(EVERY, SHARE * (now - begun))
