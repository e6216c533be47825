"""PCIe errors by Advanced Error Reporting, as the kernel has counted them since boot."""

from __future__ import annotations

from collections.abc import Iterator, Sequence, Set

from backend.counters.sampler import SLOW, About, nothing, stamp, state_of, whole
from backend.host.doors import Directory, HostDoors
from backend.model.counters import Counter, CounterSet, CounterState, Measure, Reading, Unit
from backend.model.device import Device, DeviceKind
from backend.model.host import Host

AER = CounterSet(
    "aer",
    "PCIe errors",
    "aer_dev_correctable, aer_dev_nonfatal, aer_dev_fatal",
    (
        Counter("correctable", "corrected", Unit.ERRORS),
        Counter("nonfatal", "not fatal", Unit.ERRORS, Measure.ERRORS),
        Counter("fatal", "fatal", Unit.ERRORS, Measure.ERRORS),
    ),
)
_FILES = ("aer_dev_correctable", "aer_dev_nonfatal", "aer_dev_fatal")


class AerSampler:
    """Reads the totals. Plain memory of the kernel: no device is touched."""

    about = About("aer", "PCIe errors (AER)", (AER,), "", "11", SLOW)

    def __init__(self, doors: HostDoors) -> None:
        self._files = doors.files
        self._clock = doors.clock

    def read(self, host: Host, devices: Sequence[Device]) -> Iterator[Reading | None]:
        """Yield a reading for each PCI function among ``devices``."""
        for device in devices:
            if device.kind is DeviceKind.MDEV:
                continue
            at = stamp(self._clock)
            try:
                with self._files.open_dir(f"/sys/bus/pci/devices/{device.id}") as directory:
                    values = tuple([_total(directory, name) for name in _FILES])
            except FileNotFoundError:
                reason = "this function has no AER capability, or the kernel does not own it"
                yield nothing(str(device.id), AER, at, CounterState.UNSUPPORTED, reason)
            except OSError as error:
                yield nothing(str(device.id), AER, at, *state_of(error, "aer_dev_*"))
            else:
                yield Reading(str(device.id), AER, values, at)

    def forget(self, subjects: Set[str]) -> None:
        """Nothing is kept."""

    def close(self) -> None:
        """Nothing to let go of."""


def _total(directory: Directory, name: str) -> int | None:
    """Return the last line's number: ``TOTAL_ERR_COR 3``."""
    last = directory.read(name).rstrip().rpartition(b"\n")[2]
    return whole(last.partition(b" ")[2]) if last.startswith(b"TOTAL_ERR_") else None
