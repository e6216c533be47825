"""The host devices of a QEMU, as its object model shows them, and how one is plugged in again as it was.

Source: qapi/qom.json, qapi/qdev.json, hw/vfio/pci.c.
"""

from __future__ import annotations

import time
from collections.abc import Mapping
from typing import Any

from backend.vmm.errors import CommandRefused, StillPlugged
from backend.vmm.monitor import Monitor

PERIPHERAL = "/machine/peripheral"
_MODELS = {"child<vfio-pci>": "vfio-pci", "child<vfio-pci-nohotplug>": "vfio-pci-nohotplug"}
_ASKED = (
    "host", "sysfsdev", "x-no-mmap", "enable-migration", "iommufd", "hotpluggable", "parent_bus",
    "x-device-dirty-page-tracking", "failover_pair_id",
)  # fmt: skip
_NO_HOST = "ffff:ff:ff.f"
KEPT = (
    "acpi-index", "addr", "bootindex", "display", "enable-migration", "failover_pair_id", "migration-events",
    "multifunction", "rombar", "romfile", "skip-vsc-check", "vf-token", "x-balloon-allowed",
    "x-device-dirty-page-tracking", "x-migration-multifd-transfer", "x-msix-relocation", "x-no-kvm-intx",
    "x-no-kvm-ioeventfd", "x-no-kvm-msi", "x-no-kvm-msix", "x-no-mmap", "x-no-vfio-ioeventfd", "x-pci-device-id",
    "x-pci-sub-device-id", "x-pci-sub-vendor-id", "x-pci-vendor-id", "x-pre-copy-dirty-page-tracking", "x-req", "xres",
    "yres",
)  # fmt: skip
"""What somebody may have set on a vfio-pci device. Other properties show what QEMU made of it, and cannot be given."""
_EMPTY = {"bootindex": -1}
"""Defaults that QEMU does not tell."""


async def ask_devices(monitor: Monitor) -> dict[str, dict[str, Any]]:
    """Return host device → properties of the QEMU device that it is, with its ``id`` and ``driver``."""
    found: dict[str, dict[str, Any]] = {}
    for child in await monitor.ask("qom-list", {"path": PERIPHERAL}):
        driver = _MODELS.get(child.get("type", ""))
        if driver is None:
            continue
        name = str(child["name"])
        properties: dict[str, Any] = {"id": name, "driver": driver}
        for one in _ASKED:
            try:
                properties[one] = await monitor.ask("qom-get", {"path": f"{PERIPHERAL}/{name}", "property": one})
            except CommandRefused:
                continue
        device = _host_device(properties)
        if device:
            found[device] = properties
    return found


def _host_device(properties: Mapping[str, Any]) -> str:
    path = str(properties.get("sysfsdev") or "")
    return path.rpartition("/")[2] if path else str(properties.get("host") or "")


async def plug_arguments(monitor: Monitor, properties: Mapping[str, Any]) -> dict[str, Any]:
    """Return the arguments of the ``device_add`` that plugs a device in again just as it is.

    Args:
        properties: of the device, as ``ask_devices`` returned them.
    """
    name, driver = str(properties["id"]), str(properties["driver"])
    found: dict[str, Any] = {"driver": driver, "id": name, "bus": bus_of(properties)}
    if str(properties.get("host") or _NO_HOST) != _NO_HOST:
        found["host"] = properties["host"]
    else:
        found["sysfsdev"] = properties["sysfsdev"]
    if properties.get("iommufd"):
        found["iommufd"] = str(properties["iommufd"]).rpartition("/")[2]
    defaults = {
        one["name"]: one.get("default-value", "")
        for one in await monitor.ask("device-list-properties", {"typename": driver})
    }
    for key in KEPT:
        if key not in defaults:
            continue  # of another version
        try:
            value = await monitor.ask("qom-get", {"path": f"{PERIPHERAL}/{name}", "property": key})
        except CommandRefused:
            continue  # some can only be written
        if value != (_EMPTY.get(key, "") if defaults[key] == "" else defaults[key]):
            found[key] = value
    return found


def least_arguments(arguments: Mapping[str, Any]) -> dict[str, Any]:
    """Return what a ``device_add`` cannot do without: for when QEMU does not take the rest."""
    needed = ("driver", "id", "bus", "host", "sysfsdev", "iommufd", "vf-token", "x-no-mmap")
    return {key: value for key, value in arguments.items() if key in needed}


def bus_of(properties: Mapping[str, Any]) -> str:
    """Return the name of the bus that a device is on."""
    return str(properties.get("parent_bus") or "").rpartition("/")[2]


async def unplug(monitor: Monitor, name: str, patience: float) -> None:
    """Take the device with this id out of the VM, which its guest takes part in.

    Args:
        patience: seconds that the guest has.

    Raises ``StillPlugged``, ``VmmError``.
    """
    until = time.monotonic() + patience
    with monitor.listen("DEVICE_DELETED", "DEVICE_UNPLUG_GUEST_ERROR") as events:
        await monitor.ask("device_del", {"id": name})
        while (left := until - time.monotonic()) > 0:
            event = await events.next(left)
            if event is None or event["data"].get("device") != name:
                continue
            if event["event"] == "DEVICE_DELETED":
                return
            raise StillPlugged(name, refused=True)
    if await is_there(monitor, name):
        raise StillPlugged(name, refused=False)


async def is_there(monitor: Monitor, name: str) -> bool:
    """Return whether QEMU has a device with this id."""
    return any(child["name"] == name for child in await monitor.ask("qom-list", {"path": PERIPHERAL}))
