"""How the memory and the devices of a VM get across: a model of pre-copy migration, driven by elapsed time.

RAM goes in passes: the first sends every page, each further one what the guest has dirtied meanwhile. The
guest dirties pages at a steady rate within a working set. A device sends its initial pre-copy data once and
its stop-copy data while the guest is stopped.
"""

from __future__ import annotations

from dataclasses import dataclass

PAGE = 4096
_ZERO_PAGE = 9
"""Bytes that a page of zeros costs on the wire."""
_SLICE = 0.1
"""Seconds that QEMU's rate limit counts by: passes are no shorter."""


@dataclass(frozen=True, slots=True)
class Load:
    """What the guest does, and the link to the destination. Bytes, and bytes a second."""

    ram: int
    dirty_rate: float
    working_set: int
    zero_share: float = 0.25
    """How much of its memory the guest never touched."""
    link: float = 1250e6
    """What the network carries."""


@dataclass(frozen=True, slots=True)
class DeviceLoad:
    """A VFIO device's migration data."""

    initial: int
    """Pre-copy data, sent while the guest runs; 0 where the driver has no pre-copy."""
    stop_copy: int
    """Sent while the guest is stopped."""


class Physics:
    """One outgoing migration. ``advance`` moves it on while the guest runs, ``finish`` after it has stopped."""

    def __init__(self, load: Load, devices: tuple[DeviceLoad, ...]) -> None:
        self._load = load
        self._devices = devices
        self.passes = 1
        self.remaining = float(load.ram)
        """Bytes of RAM that this pass still has to send."""
        self.transferred = 0.0
        self.zero_pages = 0.0
        self.normal_pages = 0.0
        self.vfio = 0.0
        """Bytes of device state sent."""
        self.mbps = 0.0
        self.dirty_pages_rate = 0
        """Pages a second, as measured at the last pass."""
        self.bandwidth = 0.0
        """Bytes a second of the last step."""
        self._initial = float(sum(device.initial for device in devices))
        self._dirty = 0.0
        self._since_pass = 0.0
        self.precopy = 0.0
        self.downtime_bytes = 0.0

    @property
    def stop_copy(self) -> int:
        """Bytes of device state that are left for the time when the guest is stopped."""
        return sum(device.stop_copy for device in self._devices)

    def advance(self, seconds: float, limit: int) -> bool:
        """Send for so long at most at ``limit`` bytes a second (0: as the link can). Return whether a pass began."""
        if seconds <= 0:
            return False
        rate = min(limit or self._load.link, self._load.link)
        budget = rate * seconds
        sent = self._send_devices(budget)
        sent += self._send_ram(budget - sent)
        self._dirty = min(self._dirty + self._load.dirty_rate * seconds, self._load.working_set)
        self._since_pass += seconds
        self.transferred += sent
        self.precopy += sent
        self.bandwidth = rate
        self.mbps = sent * 8 / seconds / 1e6
        if self.remaining > 0 or self._since_pass < _SLICE:
            return False
        self.passes += 1
        self.remaining, self._dirty = self._dirty, 0.0
        self.dirty_pages_rate = int(self._load.dirty_rate / PAGE)
        self._since_pass = 0.0
        return True

    def _send_devices(self, budget: float) -> float:
        sent = min(self._initial, budget)
        self._initial -= sent
        self.vfio += sent
        return sent

    def _send_ram(self, budget: float) -> float:
        """Return the bytes that went over the wire; zero pages cost next to nothing."""
        share = self._load.zero_share if self.passes == 1 else 0.0
        cost = (1 - share) + share * _ZERO_PAGE / PAGE
        pages = min(self.remaining, budget / cost)
        self.remaining -= pages
        self.zero_pages += pages * share / PAGE
        self.normal_pages += pages * (1 - share) / PAGE
        return pages * cost

    def fits(self, downtime_limit: float, limit: int) -> bool:
        """Whether what is left could be sent within ``downtime_limit`` seconds."""
        if self._initial > 0 or self.passes < 2:
            return False
        rate = min(limit or self._load.link, self._load.link)
        return self.remaining + self.stop_copy <= rate * downtime_limit

    def left(self) -> float:
        """Return the bytes still to send when the guest stops now."""
        return self.remaining + self._dirty + self.stop_copy

    def finish(self) -> None:
        """Take everything that was left as sent."""
        self.remaining += self._dirty
        self._dirty = 0.0
        self.normal_pages += self.remaining / PAGE
        self.downtime_bytes = self.remaining + self.stop_copy
        self.transferred += self.remaining
        self.vfio += self.stop_copy
        self.remaining = 0.0
        self.passes += 1
        self.dirty_pages_rate = 0

    def expected_downtime(self) -> int:
        """Return milliseconds that sending the rest of RAM would take now, as QEMU works it out."""
        return int(1000 * (self.remaining + self.stop_copy) / self.bandwidth) if self.bandwidth else 0
