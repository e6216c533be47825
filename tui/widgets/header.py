"""The first line: which host this is, what is on it, and whether the picture is fresh."""

from __future__ import annotations

from collections.abc import Sequence
from time import localtime, strftime
from typing import TYPE_CHECKING, NamedTuple

from tui.term.theming import Skin
from tui.widgets.line import LineWidget, Piece

if TYPE_CHECKING:
    from backend.model.host import Host


class Pulse(NamedTuple):
    """How fresh the picture is."""

    interval: float
    reading: bool = False
    paused: bool = False
    age: float = 0.0
    """Seconds since the last completed reading."""
    error: str = ""
    writing: bool = False
    """Whether changes are allowed."""
    slow: bool = False
    """Whether the link to the terminal is spared."""
    recorded: float | None = None
    """The moment of a recording that is shown, in seconds since the epoch; None where the host is live."""
    speed: float = 1.0
    """Recorded seconds that go by in one."""

    @property
    def stale(self) -> bool:
        """Whether readings fail to come."""
        return self.age > 2 * self.interval + 1


class Header(LineWidget):
    """Name, counts, badges, freshness."""

    def __init__(self, skin: Skin, *, id: str | None = None) -> None:
        super().__init__(skin, "bar", id=id)
        self._facts: Sequence[Piece] = ()

    def tell(self, facts: Sequence[Piece]) -> None:
        """Tell these of the host, from the next time that it is shown."""
        self._facts = facts

    def show(self, host: Host | None, pulse: Pulse) -> None:
        """Show a host, None before the first picture, and how fresh the picture is."""
        link = "slow link " if pulse.slow else ""
        if pulse.recorded is not None:
            at = strftime("%Y-%m-%d %H:%M:%S", localtime(pulse.recorded))
            badges = [Piece(f" {at} ", "foreign", 0), Piece(f" {link}", "bar-muted", 7)]
        else:
            mode = Piece(" WRITE ", "write", 0) if pulse.writing else Piece(" READ-ONLY ", "read-only", 1)
            badges = [mode, Piece(f"  {link}{pulse.interval:g} s ", "bar-muted", 7)]
        left = [Piece(" iovtop ", "brand", 4), *self._facts]
        if host is not None:
            left = [*badge(host), *left]
        self.say(left, [Piece(" ", "bar", 6), *badges, *self._freshness(pulse)])

    def _freshness(self, pulse: Pulse) -> list[Piece]:
        sign = self.skin.glyphs.live
        if pulse.error:
            return [Piece(" error ", "failed", 1)]
        if pulse.paused:
            return [Piece(" paused ", "paused", 1)]
        if pulse.reading:
            return [Piece(" reading ", "bar-muted", 1)]
        if pulse.recorded is not None:
            return [Piece(f" {pulse.speed:g}x ", "live", 1)]
        if pulse.stale:
            return [Piece(f" stale {pulse.age:.0f} s ", "stale", 1)]
        return [Piece(f" {sign} live ", "live", 1)]


def badge(host: Host) -> list[Piece]:
    """Return what must be said of a host that is not this machine."""
    replay = [Piece(" REPLAY ", "foreign", 0)] if host.recorded else []
    if host.simulated:
        return [*replay, Piece(" SIMULATED ", "simulated", 0)]
    return [*replay, Piece(f" {host.source.upper()} ", "foreign", 0)] if host.source in ("tree", "capture") else replay
