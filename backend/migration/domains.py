"""What libvirt says of one of its domains before a migration, without a word to QEMU that it does not pass on itself.

Source: https://libvirt.org/html/libvirt-libvirt-domain.html; src/qemu/qemu_migration.c (qemuMigrationSrcIsAllowed).
"""

from __future__ import annotations

import asyncio
import contextlib
import importlib
import json
from typing import Any

from backend.migration.job_stats import ONGOING
from backend.migration.told import Told
from backend.model.migration import Reason, Weight
from backend.model.text import clean
from backend.model.vm import Vm
from backend.vmm.domain import Definition, find_domain, own_domain, read_definition
from backend.vmm.errors import CommandRefused
from backend.vmm.libvirtd import Libvirtd

_LOOK_AGAIN = 0.2
_PATIENCE = 10.0
"""Seconds that a measurement may last longer than it was asked to."""
_PAUSED, _RUNNING = 3, 1


async def ask_domain(
    uri: str, vm: Vm, *, ask_qemu: bool = False, dirty_seconds: int = 0
) -> tuple[Told, tuple[Reason, ...]]:
    """Return what libvirt tells of a VM, and what stands in its way as libvirt sees it.

    Args:
        ask_qemu: whether QEMU's own reasons are asked for, through libvirt; that taints the domain.
        dirty_seconds: for how long QEMU measures how fast the guest changes its memory; 0 = not at all.

    Raises ``VmmError``.
    """
    libvirt = Libvirtd(uri, changes=ask_qemu or dirty_seconds > 0)
    try:
        version, definition, busy, state = await libvirt.ask(
            lambda library, connection: _look(library, connection, uri, vm)
        )
        blocked = await libvirt.ask(lambda library, connection: _blocked(library, connection, vm)) if ask_qemu else ()
        rate = await _dirty_rate(libvirt, vm, dirty_seconds) if dirty_seconds else None
    finally:
        libvirt.close()
    reasons = [
        Reason(Weight.BLOCKS, vm.name, cause, f"{remedy} (`virsh edit`)", "its definition")
        for cause, remedy in definition.blockers
    ]
    if busy:
        cause = "libvirt has another job with it (a migration, a backup, a save)"
        reasons.append(Reason(Weight.BLOCKS, vm.name, cause, "wait for its end", "domjobinfo"))
    devices = {
        device.device: {"id": device.alias, "failover_pair_id": device.partner}
        for device in definition.host_devices
        if device.kind in ("pci", "mdev")
    }
    return Told(version, state, blocked, {}, devices, rate), tuple(reasons)


def _look(library: Any, connection: Any, uri: str, vm: Vm) -> tuple[str, Definition, bool, str]:
    domain = own_domain(library, connection, uri, vm.name, vm.uuid)
    number = 0
    with contextlib.suppress(library.libvirtError):  # libvirt knows that of the QEMU on its PATH only
        number = connection.getVersion()
    version = f"{number // 1_000_000}.{number // 1000 % 1000}.{number % 1000}" if number else ""
    definition = read_definition(domain.XMLDesc(0))
    busy = False
    with contextlib.suppress(library.libvirtError):
        busy = domain.jobStats().get("type") in ONGOING
    state = domain.state()[0]
    return version, definition, busy, {_RUNNING: "running", _PAUSED: "paused"}.get(state, f"state {state}")


def _blocked(library: Any, connection: Any, vm: Vm) -> tuple[str, ...]:
    through = importlib.import_module("libvirt_qemu")
    domain = find_domain(library, connection, vm.uuid)
    answer = json.loads(through.qemuMonitorCommand(domain, '{"execute": "query-migrate"}', 0))
    if "return" not in answer:
        raise CommandRefused("query-migrate", "", clean(str(answer.get("error", {}).get("desc", "")), 1024))
    return tuple(clean(str(text), 1024) for text in answer["return"].get("blocked-reasons", ()))


async def _dirty_rate(libvirt: Libvirtd, vm: Vm, seconds: int) -> int | None:
    def start(library: Any, connection: Any) -> None:
        find_domain(library, connection, vm.uuid).startDirtyRateCalc(seconds)

    def look(library: Any, connection: Any) -> dict[str, Any]:
        domain = find_domain(library, connection, vm.uuid)
        return dict(connection.domainListGetStats([domain], library.VIR_DOMAIN_STATS_DIRTYRATE)[0][1])

    await libvirt.ask(start)
    for _ in range(round((seconds + _PATIENCE) / _LOOK_AGAIN)):
        await asyncio.sleep(_LOOK_AGAIN)
        found = await libvirt.ask(look)
        if found.get("dirtyrate.calc_status") == 2:  # VIR_DOMAIN_DIRTYRATE_MEASURED
            return int(found["dirtyrate.megabytes_per_second"]) << 20
    return None
