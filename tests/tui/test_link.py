"""A slow link is noticed and spared; colours are as many as the user says."""

from __future__ import annotations

import os
import pty
import threading
import time
from collections.abc import Iterator

import pytest

from backend.cli.settings import Settings
from tui.term.capabilities import Depth, detect
from tui.term.link import FAR, prepare, round_trip, sparing


@pytest.fixture
def terminal() -> Iterator[tuple[int, int]]:
    """The two ends of a terminal: ours and the user's."""
    far, near = pty.openpty()
    yield near, far
    os.close(near)
    os.close(far)


def answer(far: int, delay: float) -> threading.Thread:
    def run() -> None:
        while b"\x1b[6n" not in os.read(far, 100):
            pass
        time.sleep(delay)
        os.write(far, b"\x1b[12;40R")

    thread = threading.Thread(target=run)
    thread.start()
    return thread


@pytest.mark.parametrize(("delay", "slow"), [(0.0, False), (2 * FAR, True)])
def test_the_link_is_measured_over_ssh(terminal: tuple[int, int], delay: float, slow: bool) -> None:
    near, far = terminal
    thread = answer(far, delay)
    taken = round_trip(near, 20)
    thread.join()
    assert taken is not None
    assert taken >= delay
    thread = answer(far, max(delay, 0))
    environ = {"SSH_CONNECTION": "1.2.3.4 5 6.7.8.9 22"}
    _, found = prepare(Settings(), environ, near)
    thread.join()
    if delay:
        assert found is slow
        assert environ["TEXTUAL_FPS"] == "10"


def test_a_terminal_that_does_not_answer_is_not_called_slow(terminal: tuple[int, int]) -> None:
    assert round_trip(terminal[0], 0.01) is None


def test_without_ssh_nothing_is_asked(terminal: tuple[int, int]) -> None:
    near, far = terminal
    os.set_blocking(far, False)
    assert prepare(Settings(), {}, near)[1] is False
    with pytest.raises(BlockingIOError):
        os.read(far, 10)


def test_a_slow_link_is_spared_but_what_was_typed_stays() -> None:
    spared = sparing(Settings())
    assert (spared.interval, spared.mouse, spared.color) == (3.0, False, "16")
    typed = Settings(interval=1.0, color="256", typed=frozenset({"interval", "color"}))
    assert sparing(typed).interval == 1.0
    assert sparing(typed).color == "256"
    assert sparing(Settings(theme="light", typed=frozenset({"theme"}))).color == "auto"
    assert prepare(Settings(slow="yes"), {})[1] is True
    assert prepare(Settings(slow="no"), {"SSH_CONNECTION": "x"})[1] is False


@pytest.mark.parametrize(
    ("color", "depth", "no_color", "system"),
    [
        ("truecolor", Depth.TRUE, False, "truecolor"),
        ("256", Depth.PALETTE, False, "256"),
        ("16", Depth.SIXTEEN, False, "standard"),
        ("none", Depth.NONE, True, "auto"),
    ],
)
def test_as_many_colours_as_the_user_says(color: str, depth: Depth, no_color: bool, system: str) -> None:
    environ = {"TERM": "xterm", "NO_COLOR": "1"}
    found = detect(environ, "utf-8", color=color)
    assert (found.depth, found.no_color) == (depth, no_color)
    prepare(Settings(color=color), environ)  # type: ignore[arg-type]
    assert environ["TEXTUAL_COLOR_SYSTEM"] == system
    assert ("NO_COLOR" in environ) is no_color
