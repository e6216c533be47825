"""Temperature, power and fans of devices, as their drivers tell hwmon.

Asking can take long (an NVMe controller is sent a command for it) and can wake a device: only devices that are awake
are asked, through the guarded door.
"""

from __future__ import annotations

import re
from collections.abc import Sequence

from backend.counters.sampler import SLOW, About, nothing, stamp, state_of, whole
from backend.host.doors import HostDoors, StillWaiting
from backend.model.counters import Counter, CounterKind, CounterSet, CounterState, Reading, Unit
from backend.model.device import Device
from backend.model.host import Host
from backend.model.text import clean

CLASS = "/sys/class/hwmon"

HWMON = CounterSet(
    "hwmon",
    "Sensors",
    "/sys/class/hwmon/hwmonN",
    (
        Counter("temp1_input", "temperature", Unit.MILLIDEGREES, kind=CounterKind.LEVEL),
        Counter("power1_input", "power", Unit.MICROWATTS, kind=CounterKind.LEVEL),
        Counter("energy1_input", "energy", Unit.MICROJOULES),
        Counter("fan1_input", "fan", Unit.ROTATIONS, kind=CounterKind.LEVEL),
    ),
)

_DEADLINE = 2.0
_PCI = re.compile(r"[0-9a-f]{4,8}:[0-9a-f]{2}:[01][0-9a-f]\.[0-7]", re.ASCII)


class HwmonSampler:
    """Reads the first sensor of each kind."""

    about = About(
        "hwmon", "temperature, power, fans", (HWMON,), "", "12 in a child process, for each sensor chip", SLOW
    )

    def __init__(self, doors: HostDoors) -> None:
        self._doors = doors

    async def gather(self, host: Host, devices: Sequence[Device]) -> list[Reading]:
        """Return a reading for each sensor chip on ``devices``."""
        wanted = {str(device.id) for device in devices}
        return [await self._chip(name, owner) for name, owner in self._chips().items() if owner in wanted]

    def _chips(self) -> dict[str, str]:
        """Return sensor chip → the PCI function it belongs to."""
        files = self._doors.files
        try:
            names = files.list(CLASS)
        except OSError:
            return {}
        owners = {}
        for name in names:
            try:
                places = _PCI.findall(files.readlink(f"{CLASS}/{name}"))
            except OSError:
                continue
            if places:
                owners[name] = places[-1]
        return owners

    async def _chip(self, name: str, owner: str) -> Reading:
        files = self._doors.files
        at = stamp(self._doors.clock)
        label = name
        try:
            label = clean(files.read(f"{CLASS}/{name}/name", 64), 64) or name
            status = files.read(f"/sys/bus/pci/devices/{owner}/power/runtime_status", 64).strip()
            if status == b"suspended":
                return nothing(owner, HWMON, at, CounterState.ASLEEP, "not read: it would wake the device", label)
            there = set(files.list(f"{CLASS}/{name}"))
            values = tuple(
                [
                    whole(await self._doors.guarded.read(f"{CLASS}/{name}/{counter.id}", deadline=_DEADLINE))
                    if counter.id in there
                    else None
                    for counter in HWMON.counters
                ]
            )
        except StillWaiting as waiting:
            return nothing(owner, HWMON, at, CounterState.STALE, str(waiting), label)
        except OSError as error:
            return nothing(owner, HWMON, at, *state_of(error, f"{CLASS}/{name}"), label)
        return Reading(owner, HWMON, values, stamp(self._doors.clock), label)
