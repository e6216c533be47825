"""Whether a VM can migrate live: every reason at once, each with its cause and what to do about it.

Source: QEMU hw/vfio/migration.c, qapi/migration.json (``blocked-reasons``); Linux include/uapi/linux/vfio.h.
"""

from __future__ import annotations

import asyncio
from collections.abc import Iterator, Sequence
from dataclasses import replace

from backend.host.doors import HostDoors
from backend.migration.choosing import ways_of, without_unplug
from backend.migration.domains import ask_domain
from backend.migration.features import read_features
from backend.migration.remedies import by_libvirt, for_words, other_device, plugged_with
from backend.migration.told import Told, ask
from backend.model.device import Device
from backend.model.host import Host
from backend.model.migration import DeviceFeatures, Readiness, Reason, Weight
from backend.model.vm import Vm, VmManager
from backend.vmm.errors import VmmError
from backend.vmm.libvirtd import default_uri
from backend.vmm.monitor import connect

_BRING_THEIR_OWN = frozenset({"mlx5_vfio_pci", "pds_vfio_pci"})
"""Drivers that select CONFIG_IOMMUFD_DRIVER: where one of them was built, dirty pages can be reported."""


def judge(
    vm: Vm,
    devices: tuple[DeviceFeatures, ...],
    told: Told | None,
    *,
    silence: str = "",
    iommufd: bool = True,
    others: Sequence[Reason] = (),
) -> Readiness:
    """Return all that stands in the way of ``vm``.

    Args:
        devices: what each of its host devices offers.
        iommufd: whether the kernel has it.
        told: what QEMU said; None where it could not be asked, for the reason ``silence``.
        others: what else was found.
    """
    reasons = [
        *_of_vmm(vm, told, silence),
        *others,
        *_by_qemu(vm, devices, told),
        *_by_devices(vm, devices, told),
        *_by_tracking(vm, devices, told, iommufd),
    ]
    return Readiness(
        vm=vm.name,
        pid=vm.pid,
        reasons=tuple(_distinct(reasons)),
        devices=devices,
        asked=told is not None,
        qemu=told.version if told is not None else "",
        dirty_rate=told.dirty_rate if told is not None else None,
    )


def _of_vmm(vm: Vm, told: Told | None, silence: str) -> Iterator[Reason]:
    if not vm.qemu:
        yield Reason(
            Weight.BLOCKS, vm.name, f"{vm.program} is no QEMU: iovtop cannot drive it", "use its own tools", "process"
        )
        return
    if told is None:
        remedy = "ask as root; or give it another monitor (-qmp unix:PATH,server=on,wait=off) and name that with --qmp"
        if vm.manager is VmManager.LIBVIRT:
            remedy = f"libvirt moves it, once nothing else stands in the way: {by_libvirt(vm)}"
        yield Reason(Weight.UNKNOWN, vm.name, f"QEMU was not asked: {silence}", remedy, "monitor")
        return
    if told.status == "inmigrate":
        yield Reason(
            Weight.BLOCKS, vm.name, "it waits to receive a VM itself", "migrate the source of that", "query-status"
        )
    elif told.status == "postmigrate":
        yield Reason(
            Weight.BLOCKS, vm.name, "it has been migrated away already: this is what is left of it",
            "end this process when the VM runs well on the destination", "query-status",
        )  # fmt: skip


def _by_qemu(vm: Vm, devices: tuple[DeviceFeatures, ...], told: Told | None) -> Iterator[Reason]:
    drivers = {device.device: device.driver for device in devices}
    for text in told.blocked if told is not None else ():
        subject, separator, _ = text.partition(": ")
        known = separator and told is not None and subject in told.devices
        remedy = for_words(vm, subject, drivers.get(subject, ""), text)
        yield Reason(Weight.BLOCKS, subject if known else vm.name, text, remedy, "query-migrate")


def _by_devices(vm: Vm, devices: tuple[DeviceFeatures, ...], told: Told | None) -> Iterator[Reason]:
    able = [d for d in devices if d.features]
    said = " ".join(told.blocked) if told is not None else ""
    for device in devices:
        if device.features is None:
            yield Reason(
                Weight.UNKNOWN, device.device, f"whether {device.driver or 'no driver'} can migrate it is not known",
                "ask as root on a kernel with CONFIG_VFIO_DEBUGFS (6.18 or newer)", device.evidence,
            )  # fmt: skip
        elif not device.features and device.device not in said:
            yield Reason(
                Weight.BLOCKS, device.device, f"{device.driver or 'no driver'} offers no migration",
                other_device(vm, device.device, device.driver), device.evidence,
            )  # fmt: skip
        elif device.features and "pre-copy" not in device.features:
            yield Reason(
                Weight.COSTS, device.device,
                "it has no pre-copy: all of its state is sent while the guest stands still",
                "raise the downtime limit by its size over the bandwidth", device.evidence,
            )  # fmt: skip
    if len(able) > 1 and not all("p2p" in (d.features or ()) for d in able) and "P2P" not in said:
        without = ", ".join(d.device for d in able if "p2p" not in (d.features or ()))
        yield Reason(
            Weight.BLOCKS, vm.name, f"with several devices all must offer P2P, which {without} does not",
            "leave one such device in the VM", able[0].evidence,
        )  # fmt: skip


def _by_tracking(vm: Vm, devices: tuple[DeviceFeatures, ...], told: Told | None, iommufd: bool) -> Iterator[Reason]:
    for device in devices:
        if not device.features:
            continue
        properties = told.devices.get(device.device, {}) if told is not None else {}
        if "dirty-tracking" not in device.features:
            if properties.get("enable-migration") == "on":
                yield Reason(
                    Weight.COSTS, device.device,
                    "nothing tracks what it writes: all memory counts as dirty until the switchover",
                    "raise the downtime limit to memory over bandwidth; or iommufd, where the IOMMU tracks dirty pages",
                    device.evidence,
                )  # fmt: skip
        elif (
            not iommufd
            and device.driver not in _BRING_THEIR_OWN
            and properties.get("x-device-dirty-page-tracking", "on") != "off"
        ):
            # The bitmap in which drivers report dirty pages is a stub there, whatever the probe of the feature says.
            weight = Weight.BLOCKS if told is not None else Weight.UNKNOWN
            yield Reason(
                weight, device.device,
                "this kernel says that the device can log what it writes, and cannot report it (it was built without "
                "CONFIG_IOMMUFD_DRIVER): the migration would fail with 'Operation not supported'",
                f"{plugged_with(vm, 'x-device-dirty-page-tracking=off')} (all memory counts as dirty then), or use a "
                "kernel with iommufd",
                "no /dev/iommu",
            )  # fmt: skip


def _distinct(reasons: list[Reason]) -> Iterator[Reason]:
    """Yield each cause once, what blocks first."""
    order = list(Weight)
    seen = set()
    for reason in sorted(reasons, key=lambda one: order.index(one.weight)):
        if (reason.subject, reason.cause) not in seen:
            seen.add((reason.subject, reason.cause))
            yield reason


async def find_out(
    doors: HostDoors,
    host: Host,
    vm: Vm,
    *,
    monitor: str = "",
    dirty_seconds: int = 0,
    libvirt: str = "",
    ask_qemu: bool = False,
) -> Readiness:
    """Return the readiness of a VM of ``host``, asking QEMU where its monitor is free, or the libvirt that has it.

    Args:
        monitor: path of the monitor to ask; "" = the first that its command line names.
        libvirt: URI of the libvirt that has it; "" = this machine's.
        ask_qemu: whether QEMU may be asked through libvirt, which libvirt takes down.
    """
    told: Told | None = None
    silence, others = "", tuple[Reason, ...]()
    path = monitor or next(iter(vm.monitors), "")
    of_libvirt = vm.manager is VmManager.LIBVIRT and not monitor
    try:
        if of_libvirt and doors.source.kind == "live":
            uri = libvirt or default_uri()
            told, others = await ask_domain(uri, vm, ask_qemu=ask_qemu, dirty_seconds=dirty_seconds)
        elif of_libvirt:
            silence = "libvirt owns its monitor"
        elif not path:
            silence = "its command line names no monitor (-qmp)"
        elif doors.sockets is None:
            silence = "nothing lives on this host that could be asked"
        elif vm.qemu:
            changes = dirty_seconds > 0
            pid = vm.pid if not monitor else None
            async with await connect(doors.sockets, path, vm.name, pid=pid, uid=vm.uid, changes=changes) as found:
                told = await ask(found, dirty_seconds=dirty_seconds)
    except VmmError as error:
        silence = str(error)
    features = [await asyncio.to_thread(read_features, doors.files, d) for d in devices_of(host, vm, told)]
    readiness = judge(vm, tuple(features), told, silence=silence, iommufd=_exists(doors, "/dev/iommu"), others=others)
    if told is None:
        return readiness
    ways = ways_of(readiness, told.devices)
    if not of_libvirt:
        return replace(readiness, ways=ways)
    # That QEMU itself was not asked stands in no way: libvirt asks it before it begins.
    reasons = readiness.reasons if ask_qemu else (*readiness.reasons, _not_asked(vm))
    return replace(readiness, asked=ask_qemu, ways=without_unplug(vm.name, ways), reasons=reasons)


def _not_asked(vm: Vm) -> Reason:
    return Reason(
        Weight.UNKNOWN, vm.name,
        "QEMU's own reasons were not asked for: libvirt asks for them when a migration begins, and refuses then",
        "--ask-qemu asks now, through libvirt, which marks the domain as tainted (custom-monitor) until it ends",
        "libvirt",
    )  # fmt: skip


def devices_of(host: Host, vm: Vm, told: Told | None) -> list[Device]:
    """Return the host devices of a VM: those it was started with, those QEMU names, those that it holds."""
    names = {device.device for device in vm.devices} if told is None else set(told.devices)
    return [
        device
        for device in host.devices.values()
        if device.id in names or any(holder.pid == vm.pid for holder in device.holders)
    ]


def _exists(doors: HostDoors, path: str) -> bool:
    try:
        doors.files.stat(path)
    except OSError:
        return False
    return True
