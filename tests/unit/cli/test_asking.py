"""Questions on the terminal."""

from __future__ import annotations

import io
import os
import pty
import signal
import sys
from collections.abc import Iterator

import pytest

from backend.cli.asking import agreed, ask


@pytest.fixture
def typed(monkeypatch: pytest.MonkeyPatch) -> Iterator[int]:
    """Give the other end of the terminal that stdin is."""
    ours, theirs = pty.openpty()
    with os.fdopen(theirs, "r", encoding="utf-8") as stdin:
        monkeypatch.setattr(sys, "stdin", stdin)
        yield ours
    os.close(ours)


@pytest.mark.parametrize(("answer", "yes"), [("y", True), ("YES", True), ("", False), ("n", False), ("yess", False)])
def test_only_yes_is_yes(typed: int, capsys: pytest.CaptureFixture[str], answer: str, yes: bool) -> None:
    os.write(typed, f"{answer}\n".encode())
    assert agreed("Do it?") is yes
    assert capsys.readouterr().err == "Do it? [y/N] "


def test_the_end_of_input_is_no_answer(typed: int) -> None:
    os.write(typed, b"\x04")
    assert ask("Who? ") == ""


def test_ctrl_c_just_before_we_wait_is_not_missed(typed: int, monkeypatch: pytest.MonkeyPatch) -> None:
    class Interrupted(io.StringIO):
        def flush(self) -> None:
            signal.raise_signal(signal.SIGINT)

    monkeypatch.setattr(sys, "stderr", Interrupted())
    before = signal.signal(signal.SIGINT, lambda *_: None)  # noted, and the wait would go on
    try:
        with pytest.raises(KeyboardInterrupt):
            ask("Do it? ")
    finally:
        signal.signal(signal.SIGINT, before)


def test_other_signals_do_not_answer(typed: int, monkeypatch: pytest.MonkeyPatch) -> None:
    class Resized(io.StringIO):
        def flush(self) -> None:
            signal.raise_signal(signal.SIGUSR1)
            os.write(typed, b"y\n")

    monkeypatch.setattr(sys, "stderr", Resized())
    before = signal.signal(signal.SIGUSR1, lambda *_: None)
    try:
        assert ask("Do it? ") == "y"
    finally:
        signal.signal(signal.SIGUSR1, before)
