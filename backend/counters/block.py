"""Reads and writes of the host's own disks on a function: NVMe controllers, their VFs on a host driver."""

from __future__ import annotations

from collections.abc import Iterator, Sequence, Set

from backend.counters.sampler import About, nothing, stamp, state_of
from backend.host.doors import HostDoors
from backend.model.counters import Counter, CounterKind, CounterSet, CounterState, Measure, Reading, Unit
from backend.model.device import Device
from backend.model.host import Host

BLOCK = CounterSet(
    "block",
    "Disk",
    "/sys/block/DISK/stat",
    (
        Counter("read_bytes", "read", Unit.BYTES, Measure.IN),
        Counter("write_bytes", "written", Unit.BYTES, Measure.OUT),
        Counter("reads", "reads", Unit.OPERATIONS),
        Counter("writes", "writes", Unit.OPERATIONS),
        Counter("in_flight", "in flight", Unit.OPERATIONS, kind=CounterKind.LEVEL),
        Counter("busy", "busy", Unit.NANOSECONDS),
    ),
)
_SECTOR = 512
_MILLISECOND = 1_000_000


class BlockSampler:
    """Reads one file for each disk (``Documentation/block/stat.rst``)."""

    about = About("block", "NVMe and other disks", (BLOCK,), "", "3 for each disk")

    def __init__(self, doors: HostDoors) -> None:
        self._files = doors.files
        self._clock = doors.clock

    def read(self, host: Host, devices: Sequence[Device]) -> Iterator[Reading | None]:
        """Yield a reading for each whole disk on ``devices``."""
        for device in devices:
            for name in device.blocks:
                at = stamp(self._clock)
                try:
                    fields = [int(field) for field in self._files.read(f"/sys/block/{name}/stat", 512).split()]
                except OSError as error:
                    yield nothing(str(device.id), BLOCK, at, *state_of(error, f"stat of {name}"), name)
                    continue
                except ValueError:
                    fields = []
                if len(fields) < 11:
                    reason = f"stat of {name} holds no figures"
                    yield nothing(str(device.id), BLOCK, at, CounterState.UNKNOWN, reason, name)
                    continue
                reads, _, read, _, writes, _, written, _, in_flight, busy = fields[:10]
                values = (read * _SECTOR, written * _SECTOR, reads, writes, in_flight, busy * _MILLISECOND)
                yield Reading(str(device.id), BLOCK, values, at, name)

    def forget(self, subjects: Set[str]) -> None:
        """Nothing is kept."""

    def close(self) -> None:
        """Nothing to let go of."""
