"""What every part of the simulated kernel shares: time, the tree, events, and what kind of kernel it is."""

from __future__ import annotations

import heapq
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass

from backend.host.doors import Clock, Event, Overflow, Uevent
from backend.simhost.schedule import Scheduler
from backend.simhost.tree import Dir

QUEUE_LIMIT = 65_536


@dataclass(frozen=True, slots=True)
class Features:
    """What kind of machine and kernel this is."""

    hostname: str = "sim"
    release: str = "6.12.117+deb12-amd64"
    cmdline: str = ""
    cpus: int = 2
    nodes: int = 1
    boot_time: float = 1_763_841_600.0
    iommu: str = "intel"
    """intel, amd, or "" for none."""
    group_type: str = "identity"
    cdev: bool = False
    """CONFIG_VFIO_DEVICE_CDEV and iommufd: /dev/vfio/devices/vfioN, /dev/iommu."""
    debugfs: bool = True
    iommu_pmu: bool = False
    """The IOMMU units have performance monitoring."""

    @property
    def version(self) -> tuple[int, int]:
        """Major and minor kernel version."""
        major, minor = self.release.split("-", 1)[0].split(".")[:2]
        return int(major), int(minor)

    @property
    def fdinfo_names_device(self) -> bool:
        """Whether fdinfo carries ``vfio-device-syspath`` (merged for 6.18)."""
        return self.version >= (6, 18)

    @property
    def rescan_lock_on_sriov(self) -> bool:
        """Whether adding or removing VFs takes the global rescan/remove lock (since 6.18)."""
        return self.version >= (6, 18)


class Subscriber:
    """One reader of events: a bounded queue, as the socket buffer of a netlink reader is."""

    __slots__ = ("lost", "queue", "wake")

    def __init__(self, wake: Callable[[], None]) -> None:
        self.queue: deque[Event] = deque()
        self.lost = False
        self.wake = wake


class EventBus:
    """Hands every uevent to every subscriber."""

    def __init__(self) -> None:
        self.subscribers: list[Subscriber] = []
        self.limit = QUEUE_LIMIT
        self._sequence = 1000

    def emit(self, action: str, devpath: str, subsystem: str, properties: dict[str, str] | None = None) -> None:
        """Send one uevent. ``devpath`` begins with /devices/."""
        if not self.subscribers:
            return
        self._sequence += 1
        fields = {"ACTION": action, "DEVPATH": devpath, "SUBSYSTEM": subsystem}
        fields |= properties or {}
        fields["SEQNUM"] = str(self._sequence)
        event = Uevent(action, devpath, subsystem, fields)
        for subscriber in self.subscribers:
            if len(subscriber.queue) >= self.limit:
                subscriber.lost = True
            else:
                subscriber.queue.append(event)
            subscriber.wake()

    def overflow(self) -> None:
        """Lose whatever nobody has read yet, as a full socket buffer does."""
        for subscriber in self.subscribers:
            subscriber.queue.clear()
            subscriber.lost = True
            subscriber.wake()

    @staticmethod
    def take(subscriber: Subscriber) -> Event | None:
        """Return the next event for a subscriber, or None. What was lost shows up where it is missing."""
        if subscriber.queue:
            return subscriber.queue.popleft()
        if subscriber.lost:
            subscriber.lost = False
            return Overflow()
        return None


class Numbers:
    """Small numbers handed out lowest first and taken back, as the kernel's IDA does."""

    def __init__(self, start: int = 0) -> None:
        self._next = start
        self._free: list[int] = []
        self._taken: set[int] = set()

    def take(self, wanted: int | None = None) -> int:
        """Return the lowest free number, or reserve ``wanted``."""
        if wanted is not None:
            self._taken.add(wanted)
            return wanted
        while self._free:
            number = heapq.heappop(self._free)
            if number not in self._taken:
                return number
        while self._next in self._taken:
            self._next += 1
        number = self._next
        self._next += 1
        return number

    def give(self, number: int) -> None:
        """Take a number back."""
        self._taken.discard(number)
        if number < self._next:
            heapq.heappush(self._free, number)


class Core:
    """The shared ground of a simulated kernel."""

    def __init__(self, clock: Clock, features: Features) -> None:
        self.clock = clock
        self.features = features
        self.schedule = Scheduler(clock)
        self.events = EventBus()
        self.root = Dir("", None)
        self.sys = self.root.dir("sys")
        self.devices = self.sys.dir("devices")
        self.virtual = self.devices.dir("virtual")
        self.live_since: float | None = None
        """When things began to move by themselves; None in a snapshot."""

    def age(self) -> float:
        """Return for how long things have been moving: what traffic counters grow with."""
        return 0.0 if self.live_since is None else max(0.0, self.schedule.now - self.live_since)

    def emit(self, action: str, directory: Dir, subsystem: str, **properties: str) -> None:
        """Send a uevent for the device at ``directory``."""
        if self.events.subscribers:
            self.events.emit(action, directory.path()[4:], subsystem, properties)

    def class_dir(self, name: str) -> Dir:
        """Return ``/sys/class/NAME``, made when it is not there yet."""
        return self.sys.dir("class").dir(name)
