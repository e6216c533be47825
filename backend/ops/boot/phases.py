"""From what was saved to requests: in which order, and what is asked for of which device."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterator, Mapping
from dataclasses import dataclass
from enum import StrEnum

from backend.model.boot import Claim, Identity, Lost, SavedFunction, SavedMdev, SavedPf, SavedVf, Subject
from backend.model.device import Device
from backend.model.ids import DeviceId, KernelName, PciAddress
from backend.model.plan import Asked
from backend.model.requests import (
    Bind,
    CreateMdevs,
    Request,
    SetEswitch,
    SetMsixCount,
    SetNumVfs,
    SetPort,
    SetUnmanagedVfs,
    SetVfPolicy,
    SetVgpuType,
    Unbind,
)
from backend.ops.codec import asked
from backend.ops.drivers import is_vfio
from backend.probe.boot.compare import parent_of
from backend.probe.boot.file import Entry

_UNMANAGED = ("pci-pf-stub", "vfio-pci")
_POLICY = ("mac", "vlan", "qos", "proto", "trust", "spoofcheck", "rate", "min_rate", "link")
_PORT = ("migratable", "roce", "hw_addr", "max_io_eqs", "state")


class Phase(StrEnum):
    """What is done of every entry before anything of the next one: each builds on what those before it made."""

    PF_DRIVER = "driver of the PF"
    SWITCH = "mode of the switch"
    VFS = "VFs"
    SETTINGS = "settings of the VFs"
    AUTOPROBE = "host drivers for new VFs"
    VF_DRIVERS = "drivers of the VFs"
    DRIVER = "driver"
    MDEV = "mdev"


@dataclass(frozen=True, slots=True)
class Scene:
    """The host as the requests of a phase see it: read after the phase before."""

    devices: Mapping[DeviceId, Device]
    identities: Collection[Identity]
    claims: Collection[Claim] = ()

    def is_left(self, device: DeviceId, subject: Subject) -> bool:
        """Return whether another tool certainly decides this."""
        return any(c.sure and c.subject is subject and c.device == device for c in self.claims)

    def vfs(self, pf: DeviceId) -> tuple[PciAddress, ...]:
        """Return the VFs that a PF has now."""
        device = self.devices.get(pf)
        return device.sriov.vfs if device is not None and device.sriov is not None else ()


def requests_for(phase: Phase, entry: Entry, name: DeviceId, scene: Scene) -> tuple[Asked, ...] | Lost:
    """Return what is asked for in a phase of one entry; () where it says nothing of that, or others decide it."""
    if isinstance(entry, SavedMdev):
        return _mdev(entry, scene) if phase is Phase.MDEV else ()
    address = PciAddress(name)
    if isinstance(entry, SavedFunction):
        function = _function(entry, address, scene) if phase is Phase.DRIVER else ()
        return tuple(map(asked, function))
    made = _OF_A_PF.get(phase)
    return tuple(map(asked, made(entry, address, scene))) if made is not None else ()


def _function(entry: SavedFunction, address: PciAddress, scene: Scene) -> Iterator[Request]:
    if not scene.is_left(address, Subject.DRIVER):
        yield _driver(address, entry.driver)


def _mdev(entry: SavedMdev, scene: Scene) -> tuple[Asked, ...] | Lost:
    if scene.is_left(entry.uuid, Subject.MDEV):
        return ()
    parent = parent_of(entry, scene.identities, scene.devices)
    if isinstance(parent, Lost):
        return parent
    return (asked(CreateMdevs(parent, entry.type, (entry.uuid,))),)


def _driver(address: PciAddress, driver: str) -> Request:
    return Bind(address, driver=KernelName(driver)) if driver else Unbind(address)


def _is_unmanaged(entry: SavedPf) -> bool:
    """Return whether no host driver manages the VFs: the PF's driver and they are asked for as one."""
    return entry.driver in _UNMANAGED and bool(entry.vfs)


def _pf_driver(entry: SavedPf, pf: PciAddress, scene: Scene) -> Iterator[Request]:
    if entry.driver is not None and not _is_unmanaged(entry) and not scene.is_left(pf, Subject.DRIVER):
        yield _driver(pf, entry.driver)


def _switch(entry: SavedPf, pf: PciAddress, scene: Scene) -> Iterator[Request]:
    if entry.eswitch is not None:
        yield SetEswitch(pf, entry.eswitch)


def _count(entry: SavedPf, pf: PciAddress, scene: Scene) -> Iterator[Request]:
    if entry.vfs is None or scene.is_left(pf, Subject.VFS):
        return
    if _is_unmanaged(entry):
        yield SetUnmanagedVfs(pf, entry.vfs, "pci-pf-stub" if entry.driver == "pci-pf-stub" else "vfio-pci")
        return
    guests = _for_guests(entry)
    if _has_vectors(entry):
        # Vectors are given to a VF that no driver has: none may take it before.
        if len(scene.vfs(pf)) != entry.vfs:
            yield SetNumVfs(pf, entry.vfs, autoprobe=False)
        return
    yield SetNumVfs(pf, entry.vfs, bool(guests), entry.autoprobe, KernelName(guests) if guests else None)


def _for_guests(entry: SavedPf) -> str:
    """Return the VFIO driver that every VF shall have, so that no host driver gets them in between; "" = none."""
    drivers = {saved.driver for saved in entry.vf}
    indexes = {index for saved in entry.vf for index in saved.index.indexes}
    driver = next(iter(drivers)) if len(drivers) == 1 else None
    everyone = bool(entry.vfs) and len(indexes) == entry.vfs
    return driver if everyone and driver is not None and is_vfio(driver) else ""


def _has_vectors(entry: SavedPf) -> bool:
    return any(saved.msix is not None for saved in entry.vf)


def _each(entry: SavedPf, pf: PciAddress, scene: Scene) -> Iterator[tuple[SavedVf, PciAddress]]:
    """Yield every VF that something is saved of, as far as it is there."""
    vfs = scene.vfs(pf)
    for saved in entry.vf:
        for index in saved.index.indexes:
            if index < len(vfs):
                yield saved, vfs[index]


def _settings(entry: SavedPf, pf: PciAddress, scene: Scene) -> Iterator[Request]:
    left = scene.is_left(pf, Subject.POLICY)
    for saved, vf in _each(entry, pf, scene):
        policy = {name: getattr(saved, name) for name in _POLICY if getattr(saved, name) is not None}
        port = {name: getattr(saved, name) for name in _PORT if getattr(saved, name) is not None}
        if policy and not left:
            yield SetVfPolicy(vf, **policy)
        if port:
            yield SetPort(vf, **port)
        if saved.msix is not None:
            yield SetMsixCount(vf, saved.msix)
        if saved.vgpu is not None:
            yield SetVgpuType(vf, saved.vgpu)


def _autoprobe(entry: SavedPf, pf: PciAddress, scene: Scene) -> Iterator[Request]:
    if _has_vectors(entry) and entry.vfs is not None and not scene.is_left(pf, Subject.VFS):
        yield SetNumVfs(pf, entry.vfs, autoprobe=entry.autoprobe is not False)


def _vf_drivers(entry: SavedPf, pf: PciAddress, scene: Scene) -> Iterator[Request]:
    said = {vf: saved.driver for saved, vf in _each(entry, pf, scene)}
    for vf in scene.vfs(pf):
        driver = said.get(vf)
        if scene.is_left(vf, Subject.DRIVER):
            continue
        if driver is not None:
            yield _driver(vf, driver)
        elif _has_vectors(entry) and entry.autoprobe is not False:
            yield Bind(vf)  # none could take it while it was given its vectors


_OF_A_PF: Mapping[Phase, Callable[[SavedPf, PciAddress, Scene], Iterator[Request]]] = {
    Phase.PF_DRIVER: _pf_driver,
    Phase.SWITCH: _switch,
    Phase.VFS: _count,
    Phase.SETTINGS: _settings,
    Phase.AUTOPROBE: _autoprobe,
    Phase.VF_DRIVERS: _vf_drivers,
}
