"""A device: PF, VF, VF with a vendor vGPU type, plain function or mdev, in one record."""

from __future__ import annotations

from dataclasses import dataclass, field
from enum import StrEnum

from backend.model.boot import Drift
from backend.model.facts import Notes, no_notes
from backend.model.holder import Holder
from backend.model.ids import DeviceId, GroupId, PciAddress
from backend.model.links import VfInfo


class DeviceKind(StrEnum):
    """What a device is."""

    PF = "pf"
    """A physical function with the SR-IOV capability."""
    VF = "vf"
    VGPU_VF = "vgpu-vf"
    """A VF whose vendor driver gives it a vGPU type (vendor VFIO sysfs, no mdev)."""
    FUNCTION = "function"
    """A PCI function without SR-IOV."""
    MDEV = "mdev"


class DataPath(StrEnum):
    """How accesses reach the device, by evidence."""

    IDLE = "idle"
    """No driver."""
    HOST = "host"
    """A host driver uses it."""
    READY = "ready"
    """On a VFIO driver, nobody holds it."""
    PASSTHROUGH = "passthrough"
    """Held, and its mappable regions are mapped into the holder."""
    TRAP = "trap"
    """Held, and no region is mapped: every access exits."""
    MEDIATED = "mediated"
    """An mdev of which some regions are mapped and some trapped."""


class VfManager(StrEnum):
    """Who manages the VFs of a PF."""

    HOST_DRIVER = "host driver"
    PF_STUB = "pci-pf-stub"
    VFIO_TOKEN = "vfio-pci with VF token"
    NONE = "none"
    """No driver that could: the PF is unmanaged."""


@dataclass(frozen=True, slots=True)
class Link:
    """A PCIe link, as ``current_link_*`` and ``max_link_*`` tell. Speeds in GT/s, widths in lanes."""

    speed: float | None
    width: int | None
    max_speed: float | None
    max_width: int | None

    @property
    def degraded(self) -> bool:
        """Whether the link runs below what this device could do (its slot may be the reason)."""
        slow = self.speed is not None and self.max_speed is not None and self.speed < self.max_speed
        narrow = self.width is not None and self.max_width is not None and 0 < self.width < self.max_width
        return slow or narrow


@dataclass(frozen=True, slots=True)
class Sriov:
    """The SR-IOV side of a PF. VFs are counted by their ``virtfn`` links, never by ``sriov_numvfs``."""

    vfs: tuple[PciAddress, ...]
    """The VFs that exist, by index."""
    total: int | None
    """``sriov_totalvfs``: the driver may have lowered it."""
    offset: int | None
    stride: int | None
    vf_device: str
    """Device id of the VFs, four hex digits; "" when unread."""
    autoprobe: bool | None
    manager: VfManager


@dataclass(frozen=True, slots=True)
class VendorVgpu:
    """A VF's vendor vGPU type (``<VF>/nvidia/``)."""

    current: str
    """The type's id; "" when the VF has none."""
    creatable: tuple[str, ...]
    """``id : name`` lines of the types that could be made now."""


@dataclass(frozen=True, slots=True)
class Device:
    """One device. Fields that do not apply to its kind are None or empty."""

    id: DeviceId
    kind: DeviceKind
    sysfs: str
    """Physical path below /sys/devices: survives driver changes, tells parents and root port."""
    driver: str = ""
    """Name of the bound driver; "" = none."""
    path: DataPath | None = None
    holders: tuple[Holder, ...] = ()
    group: GroupId | None = None
    numa: int | None = None
    root_port: PciAddress | None = None
    iommu_unit: str = ""
    """The IOMMU unit that translates for it, as in ``dmar1``; "" where there is none, and for mdevs."""
    parent: str = ""
    """The PF of a VF, the parent of an mdev; "" for the rest."""
    index: int | None = None
    """A VF's index below its PF, from 0."""
    vendor: str = ""
    """Vendor id, four hex digits."""
    device: str = ""
    subsystem: str = ""
    """Subsystem ids, ``vvvv:dddd``."""
    class_code: str = ""
    """Six hex digits: class, subclass, interface."""
    name: str = ""
    """Product name: from pci.ids, an mdev type's name, or "" when nobody knows."""
    vfio: bool = False
    """Whether its driver is a VFIO driver (generic or variant)."""
    vfio_node: str = ""
    """``/dev/vfio/devices/vfioN``; "" where the kernel makes none."""
    group_node: str = ""
    """``/dev/vfio/N`` or ``/dev/vfio/noiommu-N``; "" where there is none."""
    netdevs: tuple[str, ...] = ()
    blocks: tuple[str, ...] = ()
    power: str = ""
    """Runtime power state: active, suspended, ...; "" where it was not read: of a VF only in a full reading."""
    reset_methods: tuple[str, ...] | None = None
    """As the kernel would try them; None where they were not read: of a VF only in a full reading."""
    link: Link | None = None
    sriov: Sriov | None = None
    vgpu: VendorVgpu | None = None
    policy: VfInfo | None = None
    """What the PF enforces on a VF; None where nobody tells."""
    mdev_type: str = ""
    """An mdev's type id, as in ``mtty-1``."""
    defined: bool | None = None
    """Whether mdevctl keeps a definition of this mdev; None where that does not apply or is not known."""
    aer_correctable: int | None = None
    """Corrected PCIe errors since boot."""
    drift: tuple[Drift, ...] | None = None
    """How it differs from what is saved for boot; None where nothing is saved of it."""
    notes: Notes = field(default_factory=no_notes)

    @property
    def drifted(self) -> bool:
        """Whether applying what is saved for boot would change it: nothing that another tool decides counts."""
        return any(not drift.claim for drift in self.drift or ())

    @property
    def held(self) -> bool:
        """Whether somebody uses the device beyond a driver being bound; unseen holders count."""
        return bool(self.holders) or "holders" in self.notes


SOURCES: dict[str, str] = {
    "driver": "driver link",
    "path": "vfio-dev/, enable, /proc/PID/maps",
    "holders": "/proc/PID/fd, fdinfo, cmdline, /proc/interrupts, net/, /proc/mounts",
    "group": "iommu_group link",
    "numa": "numa_node",
    "root_port": "physical path",
    "iommu_unit": "/sys/class/iommu/UNIT/devices",
    "parent": "physfn link, physical path",
    "index": "virtfnN link",
    "vendor": "uevent PCI_ID",
    "device": "uevent PCI_ID",
    "subsystem": "uevent PCI_SUBSYS_ID",
    "class_code": "uevent PCI_CLASS",
    "name": "pci.ids",
    "vfio": "vfio-dev/",
    "vfio_node": "vfio-dev/vfioN",
    "group_node": "/dev/vfio",
    "netdevs": "net/",
    "blocks": "/sys/class/block",
    "power": "power/runtime_status",
    "reset_methods": "reset_method",
    "link": "current_link_*, max_link_*",
    "sriov": "sriov_*, virtfnN links",
    "vgpu": "nvidia/",
    "policy": "RTM_GETLINK of the PF's interface",
    "mdev_type": "mdev_type link",
    "defined": "/etc/mdevctl.d",
    "aer_correctable": "aer_dev_correctable",
    "drift": "/etc/iovtop/boot.toml",
}
"""Which kernel file each field of a ``Device`` comes from, below its ``sysfs`` path unless absolute."""
