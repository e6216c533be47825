"""Which strategies are possible for a VM, which is best, and why the better ones are not."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import replace
from typing import Any

from backend.model.migration import Readiness, Reason, Strategy, Way, Weight

EXPLAINED: Mapping[Strategy, str] = {
    Strategy.VFIO: "the drivers save the state of the devices and load it into others of the same kind",
    Strategy.FAILOVER: (
        "the guest goes on over an emulated interface while QEMU takes the function away and gives it another one; "
        "not seen working here: it needs a guest with the driver net_failover"
    ),
    Strategy.UNPLUG: (
        "the guest loses the devices, migrates without them, and gets others where it arrives: it must know hot-plug, "
        "and what it does over them is interrupted for as long"
    ),
}
"""What each does."""


Devices = Mapping[str, Mapping[str, Any]]
"""Host device → properties of the QEMU device that it is."""


def ways_of(found: Readiness, devices: Devices) -> tuple[Way, ...]:
    """Return every strategy for a VM, best first, each with what stands in its way.

    Args:
        found: everything that stands in the way of the VM as it is.
        devices: of the VM, as QEMU told.
    """
    mine = {str(device.device) for device in found.devices} | set(devices)
    in_the_way = [reason for reason in found.reasons if reason.weight is not Weight.COSTS]
    others = [reason for reason in in_the_way if not _about_devices(reason, mine)]
    own: dict[Strategy, list[Reason]] = {
        Strategy.VFIO: [reason for reason in in_the_way if _about_devices(reason, mine)],
        Strategy.FAILOVER: list(_no_failover(found.vm, devices)),
        Strategy.UNPLUG: list(_no_unplug(found.vm, devices)),
    }
    return tuple(Way(strategy, EXPLAINED[strategy], (*reasons, *others)) for strategy, reasons in own.items())


def without_unplug(vm: str, ways: tuple[Way, ...]) -> tuple[Way, ...]:
    """Return the ways of a VM of libvirt, whose devices only libvirt plugs in and out."""
    reason = Reason(
        Weight.BLOCKS, vm, "iovtop plugs nothing in or out of what libvirt has",
        "`virsh detach-device` before, `virsh attach-device` there", "libvirt",
    )  # fmt: skip
    return tuple(replace(way, reasons=(reason,)) if way.strategy is Strategy.UNPLUG else way for way in ways)


def _about_devices(reason: Reason, devices: set[str]) -> bool:
    """Return whether something stands in the way only while the VM has its devices."""
    words = reason.cause
    return reason.subject in devices or "VFIO" in words or "P2P" in words or any(name in words for name in devices)


def _no_failover(vm: str, devices: Devices) -> Iterator[Reason]:
    alone = [name for name, properties in devices.items() if not properties.get("failover_pair_id")]
    if alone or not devices:
        cause = f"{', '.join(alone)}: not paired with an emulated interface" if alone else "it has no host devices"
        remedy = "start the VM with virtio-net-pci,failover=on and failover_pair_id on the function"
        yield Reason(Weight.BLOCKS, vm, cause, remedy, "qom-get failover_pair_id")


def _no_unplug(vm: str, devices: Devices) -> Iterator[Reason]:
    fixed = [name for name, properties in devices.items() if not properties.get("hotpluggable")]
    if fixed or not devices:
        cause = f"{', '.join(fixed)}: on a bus without hot-plug" if fixed else "it has no host devices"
        yield Reason(Weight.BLOCKS, vm, cause, "start the VM with a root port for each device", "qom-get hotpluggable")
