"""Both ends of a migration as they are before it: each host, and what the QEMU on it says of itself."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from backend.host.doors import HostDoors
from backend.model.device import Device
from backend.model.host import Host
from backend.model.vm import Vm
from backend.vmm.devices import PERIPHERAL, ask_devices
from backend.vmm.errors import CommandRefused, VmmError
from backend.vmm.monitor import Monitor, connect

_PATIENCE = 5.0


@dataclass(frozen=True, slots=True)
class Machine:
    """What a QEMU is, as far as both sides must be alike."""

    version: tuple[int, int, int]
    status: str
    moving: str
    """``query-migrate``'s status; "" for none."""
    type: str
    """As in ``pc-q35-10.0-machine``."""
    memory: int
    cpus: int
    cpu_model: str
    kvm: bool
    peripherals: Mapping[str, str]
    """QEMU's id → model of each device that has one."""
    host_devices: Mapping[str, str]
    """QEMU's id → host device."""


@dataclass(frozen=True, slots=True)
class Site:
    """One host, and the QEMU on it."""

    doors: HostDoors
    host: Host
    machine: Machine | None = None
    silence: str = ""
    """Why the QEMU could not be asked."""
    vm: Vm | None = None
    """Its process, where it is seen."""
    devices: Mapping[str, Device] = field(default_factory=dict)
    """QEMU's id → host device, as the host shows it."""


async def ask_machine(monitor: Monitor) -> Machine:
    """Return what a QEMU is. Raises ``VmmError``."""

    async def ask(command: str, arguments: Mapping[str, Any] | None = None) -> Any:
        return await monitor.ask(command, arguments, deadline=_PATIENCE)

    cpus = await ask("query-cpus-fast")
    memory = await ask("query-memory-size-summary")
    children = await ask("qom-list", {"path": PERIPHERAL})
    peripherals = {c["name"]: c["type"][6:-1] for c in children if str(c.get("type", "")).startswith("child<")}
    try:
        model = str(await ask("qom-get", {"path": cpus[0]["qom-path"], "property": "type"}))
    except (CommandRefused, LookupError, TypeError):
        model = ""
    return Machine(
        version=monitor.version,
        status=str((await ask("query-status"))["status"]),
        moving=str((await ask("query-migrate")).get("status", "")),
        type=str(await ask("qom-get", {"path": "/machine", "property": "type"})),
        memory=int(memory["base-memory"]) + int(memory.get("plugged-memory", 0)),
        cpus=len(cpus),
        cpu_model=model,
        kvm=bool((await ask("query-kvm"))["enabled"]),
        peripherals=peripherals,
        host_devices={str(p["id"]): name for name, p in (await ask_devices(monitor)).items()},
    )


async def look_at(doors: HostDoors, host: Host, path: str, name: str, *, pid: int | None = None) -> Site:
    """Return a site by its QEMU's monitor; where that cannot be asked, why not."""
    vm = next((one for one in host.vms.values() if path in one.monitors and pid in (None, one.pid)), None)
    if doors.sockets is None:
        return Site(doors, host, silence="nothing lives on this host that could be asked", vm=vm)
    try:
        uid = vm.uid if vm is not None else None
        async with await connect(doors.sockets, path, name, pid=pid, uid=uid) as monitor:
            machine = await ask_machine(monitor)
    except (VmmError, LookupError, TypeError, ValueError) as error:
        return Site(doors, host, silence=str(error), vm=vm)
    devices = {key: host.devices[name] for key, name in machine.host_devices.items() if name in host.devices}  # type: ignore[index]
    return Site(doors, host, machine, vm=vm, devices=devices)
