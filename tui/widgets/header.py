"""The first line: which host this is, what is on it, and whether the picture is fresh."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass
from time import localtime, strftime

from backend.model.device import DeviceKind
from backend.model.holder import HolderKind
from backend.model.host import Host
from backend.present.tree import holder_key
from tui.term.theming import Skin
from tui.widgets.line import LineWidget, Piece


@dataclass(frozen=True, slots=True)
class Pulse:
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
        self._facts: list[Piece] = []

    def count(self, host: Host) -> None:
        """Count what is on the host, for the next time it is shown."""
        self._facts = facts(host, self.skin.glyphs.separator)

    def show(self, host: Host | None, pulse: Pulse) -> None:
        """Show a host and how fresh its picture is."""
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


def facts(host: Host, separator: str) -> list[Piece]:
    """Return name, kernel, IOMMU and counts."""
    vms = {holder_key(h) for d in host.devices.values() for h in d.holders if h.kind is HolderKind.VM}
    vms |= {f"holder:{HolderKind.VM}:{pid}" for pid in host.vms}
    kinds = Counter(device.kind for device in host.devices.values())
    counts = [
        _count(kinds[DeviceKind.PF], "PF", "PF"),
        _count(kinds[DeviceKind.VF] + kinds[DeviceKind.VGPU_VF], "VF", "VF"),
        _count(kinds[DeviceKind.MDEV], "mdev", "mdev"),
        _count(len(host.groups), "group", "groups"),
        _count(len(vms), "VM", "VMs"),
    ]
    return [
        Piece(f" {host.name} ", "hostname", 2, cut=True),
        Piece(f" {host.kernel} {separator}" if host.kernel else "", "bar-muted", 9),
        Piece(f" {host.iommu.label} ", "bar-muted", 8),
        Piece(f"  {'  '.join(counts)} ", "bar", 5),
    ]


def _count(number: int, one: str, many: str) -> str:
    return f"{number} {one if number == 1 else many}"
