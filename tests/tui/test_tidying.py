"""When garbage is looked for while the screen is open."""

from __future__ import annotations

import gc
import weakref
from collections.abc import Iterator

import pytest

from backend.state.schedule import let_readings_rest
from tui import tidying
from tui.tidying import Tidying


class Knot:
    """Refers to itself, as a line that Textual has drawn does."""

    def __init__(self) -> None:
        self.itself = self


@pytest.fixture
def tidy(monkeypatch: pytest.MonkeyPatch) -> Iterator[Tidying]:
    """Return what tidies up as soon as it may; the collector itself does nothing meanwhile."""
    thresholds = gc.get_threshold()
    monkeypatch.setattr(tidying, "EVERY", 0.0)
    made = Tidying()
    gc.disable()
    try:
        yield made
    finally:
        gc.unfreeze()
        gc.set_threshold(*thresholds)
        gc.enable()


def dropped_knot() -> weakref.ref[Knot]:
    return weakref.ref(Knot())


def test_what_nobody_needs_goes_while_nobody_presses_a_key(tidy: Tidying, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(tidying, "QUIET", 0.0)
    knot = dropped_knot()
    assert knot() is not None
    tidy.beat()
    assert knot() is None


def test_nothing_is_looked_through_after_a_key(tidy: Tidying) -> None:
    knot = dropped_knot()
    let_readings_rest()
    tidy.beat()
    assert knot() is not None


def test_looking_takes_a_small_share_of_the_time(tidy: Tidying, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(tidying, "QUIET", 0.0)
    monkeypatch.setattr(tidying, "SHARE", 1e9)
    tidy.beat()
    knot = dropped_knot()
    tidy.beat()
    assert knot() is not None


def test_what_was_there_before_is_not_looked_through() -> None:
    thresholds = gc.get_threshold()
    gc.disable()
    knot = dropped_knot()
    try:
        Tidying()
        gc.collect()
        assert knot() is not None
    finally:
        gc.unfreeze()
        gc.set_threshold(*thresholds)
        gc.enable()
        gc.collect()
    assert knot() is None
