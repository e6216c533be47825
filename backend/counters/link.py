"""Speed and width of PCIe links. A sleeping device is not asked: reading its link would wake it."""

from __future__ import annotations

from collections.abc import Iterator, Sequence, Set

from backend.counters.sampler import SLOW, About, nothing, stamp, state_of, whole
from backend.host.doors import Directory, HostDoors
from backend.model.counters import Counter, CounterKind, CounterSet, CounterState, Reading, Unit
from backend.model.device import Device, DeviceKind
from backend.model.host import Host

LINK = CounterSet(
    "link",
    "PCIe link",
    "current_link_speed, current_link_width",
    (
        Counter("speed", "speed", Unit.MEGATRANSFERS, kind=CounterKind.LEVEL),
        Counter("width", "width", Unit.LANES, kind=CounterKind.LEVEL),
    ),
)

_AWAKE = frozenset({b"active", b"unsupported"})
"""What ``runtime_status`` says of a device that no power management would have to wake."""


class LinkSampler:
    """Reads the links of PFs and plain functions; a VF has none of its own."""

    about = About("link", "PCIe link", (LINK,), "", "11 for each function", SLOW)

    def __init__(self, doors: HostDoors) -> None:
        self._files = doors.files
        self._clock = doors.clock

    def read(self, host: Host, devices: Sequence[Device]) -> Iterator[Reading | None]:
        """Yield a reading for each PF and plain function that has a link."""
        for device in devices:
            if device.kind not in (DeviceKind.PF, DeviceKind.FUNCTION):
                continue
            at = stamp(self._clock)
            try:
                with self._files.open_dir(f"/sys/bus/pci/devices/{device.id}") as directory:
                    yield self._link(str(device.id), directory)
            except FileNotFoundError:
                continue  # not PCIe
            except OSError as error:
                yield nothing(str(device.id), LINK, at, *state_of(error, "current_link_*"))

    def _link(self, subject: str, directory: Directory) -> Reading:
        at = stamp(self._clock)
        status = directory.read("power/runtime_status").strip()
        if status not in _AWAKE:
            reason = f"not read: it would wake the device ({status.decode('ascii', 'replace')})"
            return nothing(subject, LINK, at, CounterState.ASLEEP, reason)
        speed = _megatransfers(directory.read("current_link_speed"))
        width = whole(directory.read("current_link_width"))
        return Reading(subject, LINK, (speed, width), at)

    def forget(self, subjects: Set[str]) -> None:
        """Nothing is kept."""

    def close(self) -> None:
        """Nothing to let go of."""


def _megatransfers(raw: bytes) -> int | None:
    """Return ``8.0 GT/s PCIe`` as 8000; "Unknown" is None."""
    word = raw.split(None, 1)[0] if raw.strip() else b""
    try:
        return int(float(word) * 1000)
    except ValueError:
        return None
