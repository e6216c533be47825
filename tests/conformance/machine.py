"""What the conformance tests ask of a machine, simulated or real, besides its doors."""

from __future__ import annotations

import errno
import os
from collections.abc import Awaitable
from dataclasses import dataclass
from typing import Protocol, TypeVar

from backend.host.doors import Event, HostDoors, StillWaiting
from backend.state.aside import HolderScanner

T = TypeVar("T")

PCI = "/sys/bus/pci/devices"
MDEV = "/sys/bus/mdev/devices"
DRIVERS = "/sys/bus/pci/drivers"


@dataclass(frozen=True, slots=True)
class Nic:
    """A network card with VFs, on whatever bus."""

    interface: str
    device: str
    """Name of the device on its bus."""
    handle: str
    """Its name to devlink."""
    numvfs: str
    """The file that makes VFs."""


class Machine(Protocol):
    """A machine in a known state: no VFs, no mdevs, nothing held.

    What a machine does not have is "", and the tests about it are skipped.
    """

    @property
    def doors(self) -> HostDoors:
        """What the tests look through."""
        ...

    def elsewhere(self) -> HostDoors:
        """Return the same machine's doors, for another program."""
        ...

    scanner: HolderScanner
    """Looks for holders."""
    ways: tuple[str, ...]
    """How a device can be held: "group" (/dev/vfio/GROUP), "cdev" (/dev/vfio/devices/vfioN)."""
    pf: str
    """A PF of at least 4 VFs, bound to ``pf_driver``, which removes its VFs when it is unbound."""
    pf_driver: str
    vf_driver: str
    """The host driver of its VFs."""
    other_pf: str
    """Another PF."""
    crossing_pf: str
    """A PF whose VFs lie on the next bus."""
    crowded_pf: str
    """A PF with fewer bus numbers than its VFs need."""
    small_pf: str
    """A PF whose hardware enables fewer VFs than asked for."""
    sharing: tuple[str, str]
    """Two functions of one IOMMU group, each bound to a host driver."""
    sharing_driver: str
    mtty: str
    """Directory of an mdev parent whose driver counts instances itself."""
    mdpy: str
    """Directory of an mdev parent whose instances the mdev core counts."""
    vgpu_vf: str
    """A VF that offers vendor vGPU types."""

    @property
    def stub_pf(self) -> str:
        """A PF bound to pci-pf-stub."""
        ...

    @property
    def nic(self) -> Nic | None:
        """A card whose driver takes every setting of a VF; it can have 4."""
        ...

    @property
    def switch(self) -> Nic | None:
        """A card with an embedded switch, in legacy mode; it can have 4 VFs."""
        ...

    @property
    def clever_pf(self) -> str:
        """A PF that shares out MSI-X vectors and has a switch whose ports lead to its VFs."""
        ...

    async def bring_up(self, interface: str) -> None:
        """Bring an interface up and wait for its link."""
        ...

    async def run(self, awaitable: Awaitable[T]) -> T:
        """Await something that may take this machine's time."""
        ...

    async def hold(self, device: str, way: str = "group", token: str = "") -> object:
        """Let a process open a device through VFIO, with a VF token or none, and keep it. Raises as the kernel does."""
        ...

    async def release(self, holder: object) -> None:
        """Let that process end."""
        ...

    async def events(self) -> EventLog:
        """Begin to listen to kernel events."""
        ...

    async def close(self) -> None:
        """Give everything back."""
        ...


class EventLog(Protocol):
    """The events since ``Machine.events`` was called."""

    async def seen(self) -> list[Event]:
        """Return all events so far, after a moment for those on the way."""
        ...


def name_of(error: OSError) -> str:
    """Return the name of an errno, as the kernel spells it."""
    return "EOPNOTSUPP" if error.errno == errno.EOPNOTSUPP else errno.errorcode[error.errno or 0]


async def write(
    machine: Machine, path: str, data: str, *, deadline: float = 120.0, doors: HostDoors | None = None
) -> str:
    """Write as ``echo`` does and return "OK", "WAITING" or the name of the errno."""
    return await write_raw(machine, path, data.encode() + b"\n", deadline=deadline, doors=doors)


async def write_raw(
    machine: Machine, path: str, data: bytes, *, deadline: float = 120.0, doors: HostDoors | None = None
) -> str:
    """Write bytes and return "OK", "WAITING" or the name of the errno."""
    try:
        await machine.run((doors or machine.doors).guarded.write(path, data, deadline=deadline))
    except StillWaiting:
        return "WAITING"
    except OSError as error:
        return name_of(error)
    return "OK"


async def read(machine: Machine, path: str, *, deadline: float = 120.0) -> str:
    """Read through the guarded door: text without its newline, "WAITING", or the name of the errno."""
    try:
        return (await machine.run(machine.doors.guarded.read(path, deadline=deadline))).decode().removesuffix("\n")
    except StillWaiting:
        return "WAITING"
    except OSError as error:
        return name_of(error)


def plain(machine: Machine, path: str) -> str:
    """Read through the plain door."""
    return machine.doors.files.read(path).decode().removesuffix("\n")


def virtual_functions(machine: Machine, pf: str) -> list[str]:
    """Return the VFs of a PF by index."""
    names = [n for n in machine.doors.files.list(f"{PCI}/{pf}") if n.startswith("virtfn")]
    links = sorted(names, key=lambda name: int(name.removeprefix("virtfn")))
    return [os.path.basename(machine.doors.files.readlink(f"{PCI}/{pf}/{name}")) for name in links]


def driver_of(machine: Machine, device: str, bus: str = PCI) -> str:
    """Return the driver a device is linked to, or ""."""
    try:
        return os.path.basename(machine.doors.files.readlink(f"{bus}/{device}/driver"))
    except FileNotFoundError:
        return ""


def group_of(machine: Machine, device: str, bus: str = PCI) -> str:
    """Return the number of a device's IOMMU group."""
    return os.path.basename(machine.doors.files.readlink(f"{bus}/{device}/iommu_group"))


async def set_vfs(machine: Machine, pf: str, count: int, *, autoprobe: bool = False) -> list[str]:
    """Bring up ``count`` VFs, unbound unless ``autoprobe``, and return them."""
    assert await write(machine, f"{PCI}/{pf}/sriov_drivers_autoprobe", str(int(autoprobe))) == "OK"
    assert await write(machine, f"{PCI}/{pf}/sriov_numvfs", str(count)) == "OK"
    return virtual_functions(machine, pf)


async def to_vfio(machine: Machine, device: str, driver: str = "vfio-pci") -> None:
    """Move a function to a VFIO driver by override and probe."""
    if driver_of(machine, device):
        assert await write(machine, f"{PCI}/{device}/driver/unbind", device) == "OK"
    assert await write(machine, f"{PCI}/{device}/driver_override", driver) == "OK"
    assert await write(machine, "/sys/bus/pci/drivers_probe", device) == "OK"
    assert driver_of(machine, device) == driver


def rid(address: str) -> int:
    """Return the routing id of an address."""
    bus, device, function = int(address[-7:-5], 16), int(address[-4:-2], 16), int(address[-1], 16)
    return bus << 8 | device << 3 | function
