"""One simulated PCI function: its state, without behaviour of the bus."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from backend.model.links import EswitchMode
from backend.simhost.devlink import FunctionState
from backend.simhost.models import Model
from backend.simhost.models import Sriov as SriovModel
from backend.simhost.schedule import Mutex
from backend.simhost.vfpolicy import Traffic, VfPolicy

if TYPE_CHECKING:
    from backend.simhost.iommu import Group
    from backend.simhost.mdev import Parent
    from backend.simhost.pci import Driver
    from backend.simhost.tree import Dir
    from backend.simhost.vfio import VfioDevice


@dataclass(slots=True)
class VfPlan:
    """What a scenario says about one VF, applied whenever that VF comes into being."""

    driver: str | None = None
    """Bound at the start; "" = none. None = whatever autoprobe does."""
    override: str | None = None
    group: int | None = None
    net: str = ""
    mac: str = ""
    up: bool = False
    netns: int = 0
    """Process whose network namespace the netdev was moved to; 0 = not moved."""
    suspended: bool = False
    vgpu: int = 0
    policy: VfPolicy | None = None
    migratable: bool = False


@dataclass(slots=True)
class SriovState:
    """The SR-IOV side of a PF."""

    model: SriovModel
    total: int
    num: int = 0
    autoprobe: bool = True
    vfs: list[Function] = field(default_factory=list)
    plans: dict[int, VfPlan] = field(default_factory=dict)
    at_most: int = 0
    """The hardware enables no more than this many, and says success; 0 = no such limit."""
    enomem_above: int = 0
    """More VFs than this do not fit into the MMIO windows; 0 = all fit."""
    delay: float = 0.0
    """Seconds before the first VF appears."""
    vf_delay: float = 0.0
    """Seconds for each VF."""
    off_delay: float = 0.0
    """Seconds that disabling takes."""
    shared_group: bool = False
    """VFs join the PF's IOMMU group: no ACS on the way."""
    net_pattern: str = ""
    nvidia: bool = False
    """The VFs offer vendor vGPU types (``nvidia/``)."""
    mdev_types: str = ""
    """The VFs are parents of this family of mdev types."""
    token: str = ""
    """VF token that a user of this PF on vfio-pci has set."""
    policies: dict[int, VfPolicy] = field(default_factory=dict)
    traffic: dict[int, Traffic] = field(default_factory=dict)
    eswitch: EswitchMode = EswitchMode.LEGACY
    functions: dict[int, FunctionState] = field(default_factory=dict)


@dataclass(slots=True)
class NetPlan:
    """The network interface of a function while a host driver has it."""

    name: str = ""
    mac: str = ""
    up: bool = False
    netns: int = 0
    port: str = ""
    switch: str = ""
    rate: int = 0
    """Bytes a second in each direction, once things move."""


@dataclass(slots=True)
class NvmePlan:
    """The NVMe controller of a function while a host driver has it."""

    name: str = ""
    model: str = "QEMU NVMe Ctrl"
    serial: str = ""
    sectors: int = 0
    """Size of its one namespace in sectors of 512 bytes; 0 = it has none."""
    partitions: int = 0


class Function:
    """A PCI function. ``driver`` and ``driver_link`` differ only while an unbind goes on."""

    __slots__ = (
        "address",
        "bus",
        "class_devices",
        "correctable",
        "device",
        "dir",
        "domain",
        "driver",
        "driver_link",
        "function",
        "group",
        "index",
        "irqs",
        "kids",
        "link_now",
        "mdev_parent",
        "model",
        "msix",
        "mutex",
        "net",
        "numa",
        "nvidia",
        "nvme",
        "override",
        "pf",
        "port",
        "power_control",
        "resets",
        "sriov",
        "suspended",
        "taken",
        "vfio",
    )

    def __init__(self, address: str, model: Model, directory: Dir, port: Function | None) -> None:
        self.address = address
        domain, bus, rest = address.split(":")
        self.domain = int(domain, 16)
        self.bus = int(bus, 16)
        self.device, self.function = int(rest[:-2], 16), int(rest[-1])
        self.model = model
        self.dir = directory
        self.port = port
        self.driver: Driver | None = None
        self.driver_link = False
        self.override: str | None = None
        self.group: Group | None = None
        self.pf: Function | None = None
        self.index = -1
        self.sriov: SriovState | None = None
        self.vfio: VfioDevice | None = None
        self.mdev_parent: Parent | None = None
        self.nvidia: VendorVgpu | None = None
        self.net: NetPlan | None = None
        self.nvme: NvmePlan | None = None
        self.class_devices: list[Dir] | None = None
        self.irqs: list[int] | None = None
        self.msix = 0
        """Vectors that its PF gave it; 0 = as many as its model has."""
        self.mutex: Mutex | None = None
        self.numa = -1
        self.link_now: tuple[str, int] | None = None
        self.correctable = 0
        self.resets = model.resets
        self.power_control = ""
        self.suspended = False
        self.kids = 0
        """Functions below this port."""
        self.taken = False
        """Being removed."""

    @property
    def rid(self) -> int:
        """Routing id: bus << 8 | device << 3 | function."""
        return self.bus << 8 | self.device << 3 | self.function

    @property
    def lock(self) -> Mutex:
        """The device lock."""
        if self.mutex is None:
            self.mutex = Mutex()
        return self.mutex

    @property
    def locked(self) -> bool:
        """Whether somebody holds the device lock."""
        return self.mutex is not None and self.mutex.held

    @property
    def held(self) -> bool:
        """Whether a process has it open through VFIO."""
        return self.vfio is not None and bool(self.vfio.users)

    @property
    def asleep(self) -> bool:
        """Whether runtime power management put it to sleep."""
        if self.suspended:
            return True
        return self.vfio is not None and self.vfio.idle_sleeps and not self.vfio.users

    @property
    def enabled(self) -> int:
        """What ``enable`` reads."""
        if self.driver is None:
            return 1 if self.model.port else 0
        if self.vfio is not None and self.vfio.core:
            return 1 if self.vfio.users else 0
        return 1 if self.driver.spec.enables else 0


@dataclass(slots=True)
class VendorVgpu:
    """The vendor's vGPU type of a VF (``nvidia/``)."""

    current: int = 0
    types: tuple[tuple[int, str], ...] = ()


def address_of(domain: int, rid: int) -> str:
    """Return the address of a routing id."""
    return f"{domain:04x}:{rid >> 8:02x}:{rid >> 3 & 31:02x}.{rid & 7}"
