"""The devices of a simulated QEMU: plugging, unplugging, and their properties as QOM shows them."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

from backend.simhost.qemu.errors import QmpError

VFIO_PROPERTIES: dict[str, tuple[str, Any]] = {
    "acpi-index": ("uint32", 0),
    "addr": ("str", "-1"),
    "display": ("OnOffAuto", "off"),
    "enable-migration": ("OnOffAuto", "auto"),
    "failover_pair_id": ("str", ""),
    "host": ("str", "ffff:ff:ff.f"),
    "iommufd": ("link<iommufd>", ""),
    "migration-events": ("bool", False),
    "multifunction": ("bool", False),
    "rombar": ("int32", -1),
    "romfile": ("str", ""),
    "sysfsdev": ("str", ""),
    "vf-token": ("str", ""),
    "x-balloon-allowed": ("bool", False),
    "x-device-dirty-page-tracking": ("OnOffAuto", "on"),
    "x-no-kvm-intx": ("bool", False),
    "x-no-kvm-msi": ("bool", False),
    "x-no-kvm-msix": ("bool", False),
    "x-no-mmap": ("bool", False),
    "x-pre-copy-dirty-page-tracking": ("OnOffAuto", "on"),
    "x-req": ("bool", True),
}
"""Property → its type and default."""
_GENERAL: dict[str, str] = {
    "type": "string",
    "parent_bus": "link<bus>",
    "realized": "bool",
    "hotplugged": "bool",
    "hotpluggable": "bool",
}
_MODELS: dict[str, dict[str, tuple[str, Any]]] = {
    "vfio-pci": VFIO_PROPERTIES,
    "pcie-root-port": {"chassis": ("uint8", 0), "hotplug": ("bool", True), "addr": ("str", "-1")},
    "virtio-net-pci": {
        "failover_pair_id": ("str", ""),
        "mac": ("str", ""),
        "netdev": ("str", ""),
        "failover": ("bool", False),
        "addr": ("str", "-1"),
        "vectors": ("uint32", 4),
    },
}


@dataclass(slots=True)
class PluggedDevice:
    """A device of the VM."""

    id: str
    driver: str
    bus: str
    properties: dict[str, Any] = field(default_factory=dict)
    """What it was plugged with, besides driver, id and bus."""
    hotplugged: bool = False
    leaving_until: float | None = None
    """While the guest was asked to let it go: until when a second request is refused."""

    @property
    def host(self) -> str:
        """The host's device behind it: a PCI address or an mdev's UUID; "" for an emulated one."""
        path = str(self.properties.get("sysfsdev", ""))
        return path.rpartition("/")[2] if path else str(self.properties.get("host", ""))

    def get(self, name: str, *, hotpluggable: bool) -> Any:
        """Return a property as ``qom-get`` does."""
        general = {
            "type": self.driver,
            "parent_bus": f"/machine/peripheral/{self.bus}/{self.bus}" if self.bus else "/machine/q35/pcihost/pcie.0",
            "realized": True,
            "hotplugged": self.hotplugged,
            "hotpluggable": hotpluggable,
        }
        if name in general:
            return general[name]
        if name == "fd" and self.driver == "vfio-pci":
            raise QmpError("Property 'vfio-pci.fd' is not readable")
        known = _MODELS[self.driver]
        if name not in known:
            raise QmpError(f"Property '{self.driver}.{name}' not found")
        return self.properties.get(name, known[name][1])

    def listed(self) -> list[dict[str, str]]:
        """Return the properties as ``qom-list`` does."""
        kinds = _GENERAL | {name: kind for name, (kind, _) in _MODELS[self.driver].items()}
        return [{"name": name, "type": kind} for name, kind in kinds.items()]


def list_properties(driver: str) -> list[dict[str, Any]]:
    """Return what ``device-list-properties`` does."""
    if driver not in _MODELS:
        raise QmpError(f"Device '{driver}' not found", "DeviceNotFound")
    kinds = {"OnOffAuto": "OnOffAuto"}
    return [
        {"name": name, "type": kinds.get(kind, kind), "default-value": value}
        for name, (kind, value) in _MODELS[driver].items()
    ]


def check_plug(arguments: Mapping[str, Any], present: Mapping[str, PluggedDevice]) -> PluggedDevice:
    """Return the device that ``device_add`` describes, or raise what QEMU says against it."""
    driver = arguments.get("driver")
    if driver is None:
        raise QmpError("Parameter 'driver' is missing")
    if driver not in _MODELS:
        raise QmpError(f"'{driver}' is not a valid device model name")
    bus = str(arguments.get("bus", ""))
    if bus and bus not in present and bus != "pcie.0":
        raise QmpError(f"Bus '{bus}' not found")
    if bus in ("", "pcie.0"):
        raise QmpError("Bus 'pcie.0' does not support hotplugging")
    name = str(arguments.get("id", ""))
    if name in present:
        raise QmpError(f"Duplicate device ID '{name}'")
    if any(device.bus == bus for device in present.values()):
        raise QmpError(
            f"PCI: slot 0 function 0 already occupied by {driver}, new func {driver} cannot be exposed to guest."
        )
    properties = {key: value for key, value in arguments.items() if key not in ("driver", "id", "bus")}
    for key, value in properties.items():
        found = _MODELS[driver].get(key)
        if found is None:
            raise QmpError(f"Property '{driver}.{key}' not found")
        if found[0] == "bool" and not isinstance(value, bool):
            raise QmpError(f"Invalid parameter type for '{key}', expected: boolean")
        if found[0] != "bool" and isinstance(value, bool):
            raise QmpError(f"Invalid parameter type for '{key}', expected: string")
    return PluggedDevice(name, driver, bus, properties, hotplugged=True)


def from_command_line(value: str) -> PluggedDevice:
    """Return the device that ``-device VALUE`` describes (properties as text or JSON)."""
    import json

    if value.startswith("{"):
        fields: dict[str, Any] = json.loads(value)
    else:
        driver, _, rest = value.partition(",")
        fields = {"driver": driver}
        for part in rest.split(",") if rest else ():
            key, _, text = part.partition("=")
            kind = _MODELS.get(driver, {}).get(key, ("str", ""))[0]
            fields[key] = text in ("on", "true") if kind == "bool" else text
    known = {key: item for key, item in fields.items() if key not in ("driver", "id", "bus")}
    return PluggedDevice(str(fields.get("id", "")), str(fields["driver"]), str(fields.get("bus", "")), known)


Plug = Callable[[PluggedDevice], None]
