"""What a scenario file may say. Every table of a file is one of these dataclasses."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Literal

Action = Literal[
    "start-vm",
    "stop-vm",
    "bind",
    "unbind",
    "create-mdev",
    "remove-mdev",
    "set-vfs",
    "errors",
    "link",
    "unplug",
    "net",
    "sleep",
    "wake",
]


@dataclass(frozen=True, slots=True)
class HostSpec:
    """``[host]``: the machine and its kernel."""

    name: str
    kernel: str = "6.12.117+deb12-amd64"
    cmdline: str = "BOOT_IMAGE=/boot/vmlinuz root=/dev/nvme0n1p1 ro quiet intel_iommu=on iommu=pt"
    cpus: int = 2
    nodes: int = 1
    iommu: Literal["intel", "amd", ""] = "intel"
    group_type: Literal["DMA", "DMA-FQ", "identity"] = "identity"
    cdev: bool = False
    debugfs: bool = True
    iommu_pmu: bool = False
    """The IOMMU units have performance monitoring, which counts by requester."""
    drivers: tuple[str, ...] = ()
    """Drivers that are loaded besides those that something is bound to."""
    modules: tuple[str, ...] = ()
    enable_sriov: bool = False
    """vfio_pci's parameter."""
    unsafe_interrupts: bool = False
    """vfio_iommu_type1's parameter ``allow_unsafe_interrupts``."""


@dataclass(frozen=True, slots=True)
class PortSpec:
    """``[[port]]``: a root port, a port of a switch, or a bridge."""

    address: str
    buses: tuple[int, ...]
    """First and last bus number behind it."""
    model: str = "root-port"
    group: int | None = None
    numa: int = -1


@dataclass(frozen=True, slots=True)
class NetSpec:
    """``net``: the interface of a function."""

    name: str = ""
    mac: str = ""
    up: bool = False
    port: str = ""
    switch: str = ""
    rate: int = 0


@dataclass(frozen=True, slots=True)
class NvmeSpec:
    """``nvme``: the controller of a function."""

    name: str = ""
    model: str = "QEMU NVMe Ctrl"
    serial: str = ""
    sectors: int = 0
    partitions: int = 0


@dataclass(frozen=True, slots=True)
class PolicySpec:
    """``policy``: what the PF enforces on some VFs."""

    mac: str = "00:00:00:00:00:00"
    """``{n}`` stands for the VF's index, in two hex digits."""
    vlan: int = 0
    qos: int = 0
    min_rate: int = 0
    max_rate: int = 0
    spoofcheck: bool = False
    trust: bool = False
    link: Literal["auto", "enable", "disable"] = "auto"


@dataclass(frozen=True, slots=True)
class VfSpec:
    """``[[function.vf]]``: how some VFs begin."""

    index: tuple[int, ...]
    driver: str | None = None
    override: str | None = None
    group: int | None = None
    net: str = ""
    mac: str = ""
    up: bool = False
    netns: int = 0
    suspended: bool = False
    vgpu: int = 0
    policy: PolicySpec | None = None
    migratable: bool = False
    """Of the function behind its devlink port."""


@dataclass(frozen=True, slots=True)
class FunctionSpec:
    """``[[function]]``: a PF or a plain function."""

    address: str
    model: str
    driver: str | None = None
    """None = whatever matches; "" = none."""
    override: str = ""
    group: int | None = None
    numa: int = -1
    net: NetSpec | None = None
    nvme: NvmeSpec | None = None
    link: tuple[str | int, ...] = ()
    """Speed and width of the link now, where they differ from the best."""
    correctable: int = 0
    suspended: bool = False
    vfs: int = 0
    total: int = 0
    """``sriov_totalvfs``; 0 = the model's."""
    offset: int = 0
    """``sriov_offset``; 0 = the model's."""
    autoprobe: bool = True
    at_most: int = 0
    """Enables no more than this many, and says success; 0 = no such limit."""
    enomem_above: int = 0
    """More VFs than this fail with ENOMEM; 0 = all fit."""
    delay: float = 0.0
    """Seconds before the first VF appears."""
    vf_delay: float = 0.0
    """Seconds for each VF."""
    off_delay: float = 0.0
    """Seconds that removing all of them takes."""
    shared_group: bool = False
    """VFs join the PF's IOMMU group."""
    eswitch: Literal["legacy", "switchdev"] = "legacy"
    vf_net: str = ""
    """Pattern of the VFs' interface names, with ``{n}``."""
    vendor_vgpu: bool = False
    mdev_types: str = ""
    """Family of mdev types that its VFs offer."""
    token: str = ""
    vf: tuple[VfSpec, ...] = ()


@dataclass(frozen=True, slots=True)
class LinkSpec:
    """``[[interface]]``: an interface without hardware, and its ports."""

    name: str
    kind: Literal["bridge", "bond", "openvswitch"] = "bridge"
    ports: tuple[str, ...] = ()
    up: bool = True


@dataclass(frozen=True, slots=True)
class RouteSpec:
    """``[[route]]``: an IPv4 route; addresses as /proc/net/route writes them."""

    interface: str
    destination: str = "00000000"
    gateway: str = "00000000"
    mask: str = "00000000"


@dataclass(frozen=True, slots=True)
class MountSpec:
    """``[[mount]]``."""

    device: str
    place: str
    kind: str = "ext4"


@dataclass(frozen=True, slots=True)
class ParentSpec:
    """``[[mdev_parent]]``: a parent without hardware."""

    name: str
    family: str
    pool: int = 0
    labels: dict[str, str] = field(default_factory=dict)
    """Other names for its types."""


@dataclass(frozen=True, slots=True)
class MdevSpec:
    """``[[mdev]]``: an mdev, its mdevctl definition, or both."""

    uuid: str
    parent: str
    type: str
    active: bool = True
    defined: Literal["", "auto", "manual"] = ""


@dataclass(frozen=True, slots=True)
class VmSpec:
    """``[[vm]]``: a QEMU process."""

    name: str
    devices: tuple[str, ...] = ()
    pid: int = 0
    style: Literal["libvirt", "proxmox", "plain"] = "libvirt"
    memory_mb: int = 4096
    vcpus: int = 4
    trapped: tuple[str, ...] = ()
    uid: int = 64055
    user: str = "libvirt-qemu"
    accel: Literal["kvm", "tcg"] = "kvm"
    started: float = 0.0
    machine_id: int = 100
    guest: Literal["linux", "none"] = "linux"
    incoming: bool = False
    """It waits to receive a migration."""
    dirty_mbps: int = 40
    working_set_mb: int = 512
    link_mbps: int = 10_000
    token: str = ""
    running: bool = True


@dataclass(frozen=True, slots=True)
class ProcessSpec:
    """``[[process]]``: any other process."""

    name: str
    pid: int
    argv: tuple[str, ...] = ()
    uid: int = 0
    user: str = "root"
    holds: tuple[str, ...] = ()
    """Devices it has open through VFIO."""
    opens: tuple[str, ...] = ()
    """Other files it has open."""
    netns: int = 0
    cgroup: str = "0::/system.slice"
    started: float = 60.0
    mapped: bool = True


@dataclass(frozen=True, slots=True)
class EventSpec:
    """``[[timeline]]``: something that happens ``at`` seconds, and again ``every`` so many."""

    at: float
    do: Action
    every: float = 0.0
    device: str = ""
    driver: str = ""
    vm: str = ""
    parent: str = ""
    type: str = ""
    uuid: str = ""
    interface: str = ""
    count: int = 0
    speed: str = ""
    width: int = 0
    up: bool = True


@dataclass(frozen=True, slots=True)
class FileSpec:
    """``[[file]]``: a settings file below /etc."""

    path: str
    text: str


@dataclass(frozen=True, slots=True)
class Scenario:
    """A whole file."""

    host: HostSpec
    about: str = ""
    options: dict[str, int] = field(default_factory=dict)
    """Numbers that may be given after the scenario's name, and their defaults; a generator uses them."""
    port: tuple[PortSpec, ...] = ()
    function: tuple[FunctionSpec, ...] = ()
    interface: tuple[LinkSpec, ...] = ()
    route: tuple[RouteSpec, ...] = ()
    mount: tuple[MountSpec, ...] = ()
    swap: tuple[str, ...] = ()
    mdev_parent: tuple[ParentSpec, ...] = ()
    mdev: tuple[MdevSpec, ...] = ()
    vm: tuple[VmSpec, ...] = ()
    process: tuple[ProcessSpec, ...] = ()
    file: tuple[FileSpec, ...] = ()
    timeline: tuple[EventSpec, ...] = ()
