"""Ways to a picture of a host that many tests share."""

from __future__ import annotations

import unicodedata
from pathlib import Path

from backend.host.doors import HostDoors
from backend.model.host import Host
from backend.model.steps import at_once
from backend.probe.holders import scan_holders
from backend.probe.names import PciNames
from backend.simhost import open_simulated
from backend.simhost.clock import ManualClock
from backend.simhost.host import SimulatedHost
from backend.state.collect import Collector

NAMES = PciNames((str(Path(__file__).parent / "data" / "pci.ids"),))
"""The same names on every machine: those lines of pci.ids that speak of simulated devices."""

SCENARIOS = ("lab", "duo:hv07", "duo:hv08", "vgpu", "messy", "bare", "drift", "scale:pfs=2,vfs=4,mdevs=8")


def simulated(spec: str, *, privileged: bool = True) -> tuple[SimulatedHost, ManualClock]:
    """Return a simulated host whose time stands still, and its clock."""
    clock = ManualClock()
    return open_simulated(spec, clock=clock, privileged=privileged), clock


def look(collector: Collector, doors: HostDoors) -> Host:
    """Read everything anew, holders too."""
    at_once(collector.read_all(lambda: scan_holders(doors)))
    assert collector.host is not None
    return collector.host


def picture(doors: HostDoors) -> Host:
    """Return the host as somebody sees it who looks for the first time."""
    return look(Collector(doors, names=NAMES), doors)


_BIDI = {"LRE", "RLE", "LRO", "RLO", "PDF", "LRI", "RLI", "FSI", "PDI"}


def is_harmless(text: str) -> bool:
    """Return whether no character of ``text`` controls a terminal, breaks the line or hides."""
    return text.isprintable() or not any(
        unicodedata.category(c) in ("Cc", "Cs", "Co", "Zl", "Zp")
        or unicodedata.bidirectional(c) in _BIDI
        or c in "\xad\u061c\u200b\u200c\u200d\u200e\u200f\u2060\ufeff"
        for c in text
    )
