"""GPU engines and memory by client, as DRM drivers tell in fdinfo (``Documentation/gpu/drm-usage-stats.rst``).

Only clients of the host are seen: what a guest does with its VF or vGPU is invisible here. A driver may take locks to
answer, so the guarded door asks.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field

from backend.counters.sampler import About, nothing, stamp, state_of, users_of
from backend.host.doors import HostDoors, StillWaiting
from backend.model.counters import Counter, CounterKind, CounterSet, CounterState, Reading, Unit
from backend.model.device import Device
from backend.model.holder import HolderKind
from backend.model.host import Host
from backend.model.text import clean

DRM = CounterSet(
    "drm",
    "GPU clients of the host",
    "/proc/PID/fdinfo: drm-engine-*, drm-resident-*",
    (
        Counter("busy", "engines busy", Unit.NANOSECONDS),
        Counter("resident", "memory", Unit.BYTES, kind=CounterKind.LEVEL),
        Counter("clients", "clients", Unit.EVENTS, kind=CounterKind.LEVEL),
    ),
)

_DEADLINE = 2.0
_UNITS = {"": 1, "KiB": 1 << 10, "MiB": 1 << 20, "GiB": 1 << 30}


@dataclass(slots=True)
class _Client:
    """What one open DRM file says."""

    device: str
    id: str
    engines: dict[str, int] = field(default_factory=dict)
    """Engine → nanoseconds busy."""
    resident: int = 0


class DrmSampler:
    """Reads the DRM files of the programs and VMs that hold GPUs."""

    about = About(
        "drm",
        "GPU engines by fdinfo",
        (DRM,),
        "root, for other users' processes",
        "3 in a child process, for each DRM file",
        2.0,
    )

    def __init__(self, doors: HostDoors) -> None:
        self._doors = doors

    async def gather(self, host: Host, devices: Sequence[Device]) -> list[Reading]:
        """Return a reading for each of ``devices`` that is a GPU in use, with an instance for each engine."""
        gpus = [device for device in devices if device.class_code.startswith("03")]
        found: list[Reading] = []
        for device in gpus:
            at = stamp(self._doors.clock)
            clients: dict[str, _Client] = {}
            try:
                for pid in users_of([device], HolderKind.PROCESS, HolderKind.VM, HolderKind.SERVICE):
                    for client in await self._clients(pid):
                        if client.device == device.id:
                            clients.setdefault(client.id, client)
            except StillWaiting as waiting:
                found.append(nothing(str(device.id), DRM, at, CounterState.STALE, str(waiting)))
                continue
            except OSError as error:
                found.append(nothing(str(device.id), DRM, at, *state_of(error, "fdinfo of its clients")))
                continue
            found += _readings(str(device.id), clients.values(), self._doors)
        return found

    async def _clients(self, pid: int) -> list[_Client]:
        files = self._doors.files
        clients = []
        for number in files.list(f"/proc/{pid}/fd"):
            try:
                target = files.readlink(f"/proc/{pid}/fd/{number}")
            except FileNotFoundError:
                continue
            if target.startswith("/dev/dri/"):
                raw = await self._doors.guarded.read(f"/proc/{pid}/fdinfo/{number}", deadline=_DEADLINE)
                client = parse_client(raw)
                if client is not None:
                    clients.append(client)
        return clients


def _readings(subject: str, clients: Iterable[_Client], doors: HostDoors) -> list[Reading]:
    engines: dict[str, int] = {}
    resident = count = 0
    for client in clients:
        count += 1
        resident += client.resident
        for engine, busy in client.engines.items():
            engines[engine] = engines.get(engine, 0) + busy
    at = stamp(doors.clock)
    if not count:
        return []
    whole = Reading(subject, DRM, (None, resident, count), at, "all")
    return [whole, *(Reading(subject, DRM, (busy, None, None), at, engine) for engine, busy in engines.items())]


def parse_client(raw: bytes) -> _Client | None:
    """Return what the fdinfo of a DRM file says; None where the driver says nothing."""
    client = _Client("", "")
    for line in raw.decode("utf-8", "replace").splitlines():
        key, _, value = line.partition(":")
        words = value.split()
        if not words:
            continue
        if key == "drm-pdev":
            client.device = words[0]
        elif key == "drm-client-id":
            client.id = words[0]
        elif words[0].isdecimal() and len(words[0]) <= 20:
            number = int(words[0])
            if key.startswith("drm-engine-") and not key.startswith("drm-engine-capacity-") and words[1:] == ["ns"]:
                client.engines[clean(key.removeprefix("drm-engine-"), 32)] = number
            elif key.startswith("drm-resident-"):
                client.resident += number * _UNITS.get(words[1] if len(words) > 1 else "", 0)
    return client if client.device and client.id else None
