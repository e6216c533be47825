"""A look at the destination before a migration: everything in which it differs from the source, at once.

Source: docs/devel/migration/main.rst (both command lines must make the same machine), hw/vfio/migration.c.
"""

from __future__ import annotations

import asyncio
from collections.abc import Collection, Iterator, Sequence
from dataclasses import replace

from backend.host.doors import HostDoors
from backend.migration.features import read_features
from backend.migration.machine import Machine, Site, look_at
from backend.model.device import Device, DeviceKind
from backend.model.figures import mebibytes
from backend.model.host import Host
from backend.model.migration import Comparison, Reason, Weight
from backend.model.vm import Vm

HERE = "here"
"""A destination that is still to be prepared, on the host itself."""


async def compare(
    here: tuple[HostDoors, Host],
    vm: Vm,
    there: tuple[HostDoors, Host],
    destination: str,
    *,
    monitor: str = "",
    unplugged: bool = False,
    taken: Collection[str] = (),
) -> Comparison:
    """Return everything that keeps a destination from taking a VM over.

    Args:
        here: the VM's host.
        there: the destination's host; the same one where they share it.
        destination: monitor of a QEMU that waits, or ``HERE``: one that is still to be started there.
        monitor: the VM's monitor; "" = the first that its command line names.
        unplugged: whether the VM arrives without its host devices, and gets free functions there.
        taken: functions there that are promised to others.
    """
    path = monitor or next(iter(vm.monitors), "")
    source = await look_at(*here, path, vm.name, pid=None if monitor else vm.pid)
    free = compare_here(vm, source, there[1], f"host {there[1].name}", taken)
    if destination == HERE:
        return free
    other = await look_at(*there, destination, vm.name)
    if not unplugged:
        return await compare_sites(vm, source, other, destination)
    found = await compare_sites(vm, _without_devices(source), other, destination)
    costs = [replace(reason, weight=Weight.COSTS) for reason in free.reasons]  # it arrives without them
    return replace(found, reasons=(*found.reasons, *costs), pairs=free.pairs)


def _without_devices(site: Site) -> Site:
    """Return a site as if its host devices were unplugged."""
    if site.machine is None:
        return site
    left = {key: kind for key, kind in site.machine.peripherals.items() if key not in site.machine.host_devices}
    return replace(site, machine=replace(site.machine, peripherals=left, host_devices={}), devices={})


async def compare_sites(vm: Vm, source: Site, destination: Site, place: str) -> Comparison:
    """Return everything in which a waiting destination differs from the source.

    Args:
        place: what to call the destination.
    """
    reasons: list[Reason] = []
    if source.machine is None:
        reasons.append(_unknown(vm.name, f"the source was not asked: {source.silence}"))
    if destination.machine is None:
        reasons.append(
            Reason(
                Weight.BLOCKS, place, f"it was not asked: {destination.silence}",
                "start it with -incoming defer and -qmp unix:PATH,server=on,wait=off, and name that socket", "monitor",
            )
        )  # fmt: skip
    if source.machine is not None and destination.machine is not None:
        reasons += _of_machines(source.machine, destination.machine, place)
        reasons += await asyncio.to_thread(lambda: list(_of_devices(source, destination, place)))
    reasons += _of_process(source, destination, place)
    reasons += _of_hosts(source, destination, place)
    return _result(vm, place, reasons, list(_pairs(source, destination)))


def _pairs(source: Site, destination: Site) -> Iterator[tuple[str, str]]:
    for key, device in source.devices.items():
        other = destination.devices.get(key)
        if other is not None:
            yield str(device.id), str(other.id)


def _result(vm: Vm, place: str, reasons: Sequence[Reason], pairs: Sequence[tuple[str, str]]) -> Comparison:
    order = list(Weight)
    return Comparison(vm.name, place, tuple(sorted(reasons, key=lambda r: order.index(r.weight))), tuple(pairs))


def _unknown(subject: str, cause: str) -> Reason:
    return Reason(Weight.UNKNOWN, subject, cause, "ask as root, or free its monitor", "monitor")


def _of_machines(here: Machine, there: Machine, place: str) -> Iterator[Reason]:
    def differs(cause: str, remedy: str, evidence: str) -> Reason:
        return Reason(Weight.BLOCKS, place, cause, remedy, evidence)

    same = "start the destination with the source's command line"
    if there.status != "inmigrate":
        yield differs(f"it does not wait for a migration: it is {there.status}", "start it with -incoming defer",
                      "query-status")  # fmt: skip
    elif there.moving not in ("", "none"):
        yield differs(
            f"a migration to it is under way already ({there.moving})",
            "wait for its end, or start another destination", "query-migrate",
        )  # fmt: skip
    if here.type != there.type:
        yield differs(f"its machine is {there.type}, the source's {here.type}", f"{same}, -machine {_plain(here.type)}",
                      "qom-get /machine")  # fmt: skip
    if here.memory != there.memory:
        yield differs(f"it has {mebibytes(there.memory)} of memory, the source {mebibytes(here.memory)}",
                      f"{same}, -m {here.memory >> 20}M", "query-memory-size-summary")  # fmt: skip
    if here.cpus != there.cpus:
        yield differs(f"it has {there.cpus} vCPUs, the source {here.cpus}", f"{same}, -smp {here.cpus}",
                      "query-cpus-fast")  # fmt: skip
    if here.cpu_model and there.cpu_model and here.cpu_model != there.cpu_model:
        yield differs(
            f"its CPU is {there.cpu_model}, the source's {here.cpu_model}", f"{same}, the same -cpu", "qom-get"
        )
    if here.kvm != there.kvm:
        cause = "it runs with KVM, the source without" if there.kvm else "it runs without KVM, the source with it"
        yield differs(cause, f"{same}, the same accelerator", "query-kvm")
    if there.version < here.version:
        yield Reason(
            Weight.COSTS, place,
            f"its QEMU {_dotted(there.version)} is older than the source's {_dotted(here.version)}",
            "migrate to the same or a newer QEMU", "query-version",
        )  # fmt: skip
    yield from _of_peripherals(here, there, place)


def _of_peripherals(here: Machine, there: Machine, place: str) -> Iterator[Reason]:
    remedy = "start the destination with the same -device options, ids included"
    for key in sorted(here.peripherals.keys() | there.peripherals.keys()):
        mine, other = here.peripherals.get(key), there.peripherals.get(key)
        if mine == other:
            continue
        if other is None:
            cause = f"it has no device {key} ({mine})"
        elif mine is None:
            cause = f"it has a device {key} ({other}) that the source has not"
        else:
            cause = f"its device {key} is a {other}, the source's a {mine}"
        yield Reason(Weight.BLOCKS, place, cause, remedy, "qom-list /machine/peripheral")


def _of_devices(source: Site, destination: Site, place: str) -> Iterator[Reason]:
    for key, mine in source.devices.items():
        other = destination.devices.get(key)
        if other is None:
            if destination.machine is not None and key in destination.machine.host_devices:
                name = destination.machine.host_devices[key]
                yield _unknown(name, f"{key} is {name} there, which is not seen on that host")
            continue
        yield from unlike(mine, other)
        features = read_features(destination.doors.files, other)
        if features.features == ():
            yield Reason(
                Weight.BLOCKS, str(other.id), f"its driver there, {other.driver or 'none'}, offers no migration",
                "bind it to the driver of the source's device", features.evidence,
            )  # fmt: skip
        yield from _of_modules(source, destination, mine, other)


def unlike(mine: Device, other: Device) -> Iterator[Reason]:
    """Yield in what another device cannot take over the state of one."""
    remedy = "give the destination a function of the same kind: same model, same driver, same firmware"
    facts = (
        ("kind", mine.kind.value, other.kind.value),
        ("model", f"{mine.vendor}:{mine.device}", f"{other.vendor}:{other.device}"),
        ("subsystem", mine.subsystem, other.subsystem),
        ("mdev type", mine.mdev_type, other.mdev_type),
        ("driver", mine.driver or "none", other.driver or "none"),
    )
    for what, here, there in facts:
        if here != there:
            yield Reason(
                Weight.BLOCKS, str(other.id), f"its {what} is {there or 'none'}, that of {mine.id} {here or 'none'}",
                remedy, "sysfs",
            )  # fmt: skip


def _of_modules(source: Site, destination: Site, mine: Device, other: Device) -> Iterator[Reason]:
    """Yield where the driver is another build of itself: what it saves, the other must understand."""
    if mine.driver != other.driver or source.host.boot_id == destination.host.boot_id:
        return
    here, there = (_module(site.doors, mine.driver) for site in (source, destination))
    if here != there:
        yield Reason(
            Weight.COSTS, str(other.id),
            f"{mine.driver} is {there or 'of an unknown build'} there, {here or 'unknown'} here: "
            "whether one understands the other's state is the vendor's promise", "run the same kernel on both",
            "/sys/module",
        )  # fmt: skip


def _module(doors: HostDoors, driver: str) -> str:
    for name in ("version", "srcversion"):
        try:
            return doors.files.read(f"/sys/module/{driver}/{name}", 128).decode("ascii", "replace").strip()
        except OSError:
            continue
    return ""


def _of_process(source: Site, destination: Site, place: str) -> Iterator[Reason]:
    here, there = source.vm, destination.vm
    if there is None or here is None or not there.devices:
        return
    if there.lock_limit is not None and there.memory is not None and there.lock_limit < there.memory:
        yield Reason(
            Weight.BLOCKS, place,
            f"it may lock {mebibytes(there.lock_limit)}, and its devices pin {mebibytes(there.memory)}",
            "raise its limit of locked memory (ulimit -l, LimitMEMLOCK=)", "/proc/PID/limits",
        )  # fmt: skip
    if any(d.iommufd for d in here.devices) != any(d.iommufd for d in there.devices):
        yield Reason(
            Weight.COSTS, place, "one side uses iommufd, the other VFIO's own containers",
            "start both the same way, so that dirty pages are tracked alike", "command line",
        )  # fmt: skip


def _of_hosts(source: Site, destination: Site, place: str) -> Iterator[Reason]:
    if source.devices and not destination.host.iommu.units and source.host.iommu.units:
        yield Reason(
            Weight.BLOCKS, place, "its host has no IOMMU switched on", "switch it on in its firmware and kernel",
            "/sys/class/iommu",
        )  # fmt: skip


def _plain(machine: str) -> str:
    return machine.removesuffix("-machine")


def _dotted(version: tuple[int, int, int]) -> str:
    return ".".join(map(str, version))


def free_functions(host: Host, mine: Device) -> list[tuple[Device, tuple[Reason, ...]]]:
    """Return the functions of a host that could take over a device, each with what keeps it from that, best first.

    Args:
        mine: the source's device.
    """
    found = []
    for other in host.devices.values():
        alike = other.kind is mine.kind and (other.vendor, other.device) == (mine.vendor, mine.device)
        if not alike or other.id == mine.id:
            continue
        if mine.kind is DeviceKind.MDEV and other.mdev_type != mine.mdev_type:
            continue
        reasons = list(unlike(mine, other))
        if other.held:
            who = ", ".join(holder.name for holder in other.holders) or "somebody who is not seen"
            reasons.append(Reason(Weight.BLOCKS, str(other.id), f"{who} holds it", "choose another", "holders"))
        group = host.groups.get(other.group) if other.group is not None else None
        if group is not None and not group.viability.viable:
            reasons.append(
                Reason(Weight.BLOCKS, str(other.id), f"its IOMMU group {int(group.id)} is not viable",
                       "bind the whole group to VFIO drivers", "iommu_group")
            )  # fmt: skip
        found.append((other, tuple(reasons)))
    return sorted(found, key=lambda item: len(item[1]))


def compare_here(vm: Vm, source: Site, host: Host, place: str, promised: Collection[str] = ()) -> Comparison:
    """Return whether a host has what it takes to start a destination for a VM: a free function for each device."""
    reasons: list[Reason] = []
    pairs: list[tuple[str, str]] = []
    taken = set(promised)
    for device in source.devices.values():
        candidates = [(d, why) for d, why in free_functions(host, device) if str(d.id) not in taken]
        chosen = next((d for d, why in candidates if not why), None)
        if chosen is not None:
            taken.add(str(chosen.id))
            pairs.append((str(device.id), str(chosen.id)))
            continue
        why = "; ".join(f"{d.id}: {r.cause}" for d, rs in candidates[:3] for r in rs[:1])
        reasons.append(
            Reason(
                Weight.BLOCKS, place,
                f"there is no free function for {device.id} ({device.name or device.device}, {device.driver})"
                f"{f': {why}' if why else ''}",
                "free one, or make one (`iovtop numvfs`, `mdev create`)",
                "sysfs, holders",
            )
        )  # fmt: skip
    if source.machine is None:
        reasons.append(_unknown(vm.name, f"the source was not asked: {source.silence}"))
    return _result(vm, place, reasons, pairs)
