"""What can be asked for. Each request names the state to be reached, with ids that were parsed.

A default of None means "as it is", or "choose": planning fills in what it found or chose, so that the request
that is kept leads to the same state from wherever a crash leaves the host.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar, Literal, get_args

from backend.model.ids import DeviceId, GroupId, KernelName, MacAddress, MdevUuid, PciAddress
from backend.model.links import EswitchMode, PortState, VfLinkState, VlanProtocol


@dataclass(frozen=True, slots=True)
class SetNumVfs:
    """That a PF has ``count`` VFs."""

    verb: ClassVar[str] = "numvfs"

    pf: PciAddress
    count: int
    guests: bool = False
    """Whether the VFs shall be ready for guests: on a VFIO driver, with no host driver in between."""
    autoprobe: bool | None = None
    """``sriov_drivers_autoprobe`` afterwards."""
    driver: KernelName | None = None
    """With ``guests``: the VFIO driver of the VFs; None = the most specific one for them."""


@dataclass(frozen=True, slots=True)
class SetVfPolicy:
    """What the PF enforces on a VF. None = as it is."""

    verb: ClassVar[str] = "vf set"

    vf: PciAddress
    mac: MacAddress | None = None
    """All zeroes = none: the VF takes its own."""
    vlan: int | None = None
    """0 = none."""
    qos: int | None = None
    """Priority in the VLAN, 0 to 7."""
    proto: VlanProtocol | None = None
    trust: bool | None = None
    spoofcheck: bool | None = None
    rate: int | None = None
    """The most it may send, in Mbit/s; 0 = no limit."""
    min_rate: int | None = None
    """What it can always send, in Mbit/s; 0 = nothing is kept for it."""
    link: VfLinkState | None = None


@dataclass(frozen=True, slots=True)
class SetMsixCount:
    """That a VF has ``count`` MSI-X vectors; 0 = as many as its PF gives by default."""

    verb: ClassVar[str] = "msix"

    vf: PciAddress
    count: int


@dataclass(frozen=True, slots=True)
class SetPort:
    """What is set of the function behind the devlink port of a VF. None = as it is."""

    verb: ClassVar[str] = "port"

    vf: PciAddress
    migratable: bool | None = None
    state: PortState | None = None
    hw_addr: MacAddress | None = None
    max_io_eqs: int | None = None
    roce: bool | None = None


@dataclass(frozen=True, slots=True)
class SetEswitch:
    """That the embedded switch of a NIC is in a mode."""

    verb: ClassVar[str] = "eswitch"

    pf: PciAddress
    mode: EswitchMode


@dataclass(frozen=True, slots=True)
class Bind:
    """That a function has a driver: the one named, a VFIO driver, or else whatever the kernel would give it."""

    verb: ClassVar[str] = "bind"

    device: PciAddress
    vfio: bool = False
    """A VFIO driver: the most specific one that names this hardware, or vfio-pci. With ``driver``: that one."""
    driver: KernelName | None = None
    """None, and not ``vfio``: no override, and the kernel chooses."""


@dataclass(frozen=True, slots=True)
class Unbind:
    """That a function has no driver."""

    verb: ClassVar[str] = "unbind"

    device: PciAddress
    override: str | None = None
    """``driver_override`` afterwards; "" = none."""


@dataclass(frozen=True, slots=True)
class BindGroup:
    """That every function of an IOMMU group, bridges left out, is on a VFIO driver."""

    verb: ClassVar[str] = "group bind"

    group: GroupId
    members: tuple[PciAddress, ...] | None = None
    """Whom it is about; None = the members that the group has now."""


GroupType = Literal["DMA", "DMA-FQ", "identity", "auto"]


@dataclass(frozen=True, slots=True)
class SetGroupType:
    """That the default domain of an IOMMU group is of a type."""

    verb: ClassVar[str] = "group type"

    group: GroupId
    type: GroupType
    """``auto``: what the kernel chooses for the group."""


@dataclass(frozen=True, slots=True)
class CreateMdevs:
    """That a parent has mdevs of a type."""

    verb: ClassVar[str] = "mdev create"

    parent: KernelName
    type: KernelName
    uuids: tuple[MdevUuid, ...] = ()
    """Their names; those that are wanting are made up."""
    count: int = 1
    """How many, at least as many as ``uuids``."""


@dataclass(frozen=True, slots=True)
class RemoveMdevs:
    """That mdevs are gone. Their definitions stay."""

    verb: ClassVar[str] = "mdev remove"

    uuids: tuple[MdevUuid, ...] = ()
    orphans: bool = False
    """All that nobody holds and nobody has defined, too."""


@dataclass(frozen=True, slots=True)
class DefineMdev:
    """That mdevctl keeps a definition of an mdev, in its own file."""

    verb: ClassVar[str] = "mdev define"

    uuid: MdevUuid | None = None
    """None = a new one."""
    parent: KernelName | None = None
    """None = the parent that it has, or is defined for."""
    type: KernelName | None = None
    """None = the type that it has, or is defined with."""
    auto: bool | None = None
    """Whether it is started at boot."""
    attributes: tuple[tuple[str, str], ...] | None = None
    """Attributes that mdevctl sets when it starts it, with their values; None = those that it has."""


@dataclass(frozen=True, slots=True)
class UndefineMdev:
    """That mdevctl keeps no definition of an mdev. A running one goes on."""

    verb: ClassVar[str] = "mdev undefine"

    uuid: MdevUuid
    parent: KernelName | None = None
    """None = the one parent that it is defined for."""


@dataclass(frozen=True, slots=True)
class AutostartMdev:
    """That a defined mdev is started at boot, or is not."""

    verb: ClassVar[str] = "mdev autostart"

    uuid: MdevUuid
    off: bool = False
    parent: KernelName | None = None
    """None = the one parent that it is defined for."""


@dataclass(frozen=True, slots=True)
class SetVgpuType:
    """That a VF has a vendor vGPU type, or none."""

    verb: ClassVar[str] = "vgpu-type"

    vf: PciAddress
    type: int
    """Its number in ``creatable_vgpu_types``; 0 = none."""
    was: int | None = None
    """The type that is taken away: any other one belongs to the next owner, and is left alone."""


@dataclass(frozen=True, slots=True)
class SetPath:
    """How a function that nobody holds is offered: to the host, to guests, or to guests as an mdev."""

    verb: ClassVar[str] = "path"

    device: PciAddress
    path: Literal["host", "ready", "trap"]
    type: KernelName | None = None
    """With ``trap``: the type of mdev; None = the only one there is."""
    uuid: MdevUuid | None = None
    """With ``trap``: the mdev; None = a new one."""


@dataclass(frozen=True, slots=True)
class Reset:
    """That a function has been reset. The one request that is done anew whenever it is asked for."""

    verb: ClassVar[str] = "reset"

    device: PciAddress
    method: KernelName | None = None
    """One of ``reset_method``; None = the kernel's first choice."""
    methods: str | None = None
    """``reset_method`` afterwards."""


@dataclass(frozen=True, slots=True)
class SetUnmanagedVfs:
    """That a PF has VFs without a host driver that manages them: on pci-pf-stub, or on vfio-pci with a VF token."""

    verb: ClassVar[str] = "unmanaged"

    pf: PciAddress
    count: int
    driver: Literal["pci-pf-stub", "vfio-pci"] = "pci-pf-stub"


@dataclass(frozen=True, slots=True)
class Replug:
    """That a running VM has a device of its own plugged in with its regions mapped, or trapped."""

    verb: ClassVar[str] = "replug"

    device: DeviceId
    trap: bool = False
    """Whether every access to its regions shall exit to the VMM (``x-no-mmap``)."""


@dataclass(frozen=True, slots=True)
class SaveState:
    """That the state of an mdev that nobody holds is kept in a file."""

    verb: ClassVar[str] = "state save"

    device: DeviceId
    name: KernelName | None = None
    """What the file is called; None = the device and the time."""
    id: MdevUuid | None = None
    """Identity of this very state."""


@dataclass(frozen=True, slots=True)
class RestoreState:
    """That an mdev that nobody holds goes on from a state that was kept. Done anew whenever it is asked for."""

    verb: ClassVar[str] = "state restore"

    device: DeviceId
    name: KernelName | None = None
    """None = the newest that was kept of the device itself."""


@dataclass(frozen=True, slots=True)
class RemoveState:
    """That a state is not kept any more."""

    verb: ClassVar[str] = "state remove"

    name: KernelName


@dataclass(frozen=True, slots=True)
class SaveBoot:
    """That what some devices are now is saved, to be made again at boot."""

    verb: ClassVar[str] = "boot save"

    devices: tuple[DeviceId, ...] = ()
    """Which; none = everything that is not as the kernel makes it."""
    lines: tuple[str, ...] | None = None
    """The file as it shall be, each line a string of JSON; None = worked out."""


@dataclass(frozen=True, slots=True)
class RemoveBoot:
    """That nothing is saved of some devices, or nothing at all. They stay as they are now."""

    verb: ClassVar[str] = "boot remove"

    devices: tuple[DeviceId, ...] = ()
    """Which; none = all, and nothing is done at boot any more."""


Request = (
    SetNumVfs
    | SetVfPolicy
    | SetMsixCount
    | SetPort
    | SetEswitch
    | Bind
    | Unbind
    | BindGroup
    | SetGroupType
    | CreateMdevs
    | RemoveMdevs
    | DefineMdev
    | UndefineMdev
    | AutostartMdev
    | SetVgpuType
    | SetPath
    | Reset
    | SetUnmanagedVfs
    | Replug
    | SaveState
    | RestoreState
    | RemoveState
    | SaveBoot
    | RemoveBoot
)

REQUESTS: dict[str, type[Request]] = {kind.verb: kind for kind in get_args(Request)}
"""Every kind of request by its verb. A verb of two words is typed as two."""
