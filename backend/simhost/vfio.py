"""VFIO: devices that are offered to user space, and who has them open."""

from __future__ import annotations

import errno
from typing import TYPE_CHECKING

from backend.model.vfio import VfioIrq, VfioLook, VfioMigration, VfioRegion
from backend.simhost.core import Core, Numbers
from backend.simhost.function import Function
from backend.simhost.irqs import Irqs
from backend.simhost.parse import einval
from backend.simhost.power import POWER
from backend.simhost.schedule import Operation, Wait
from backend.simhost.tree import Attr, Branch, DeviceNode, Dir, Entry, Ref, oops

if TYPE_CHECKING:
    from backend.simhost.iommu import Group
    from backend.simhost.mdev import Mdev

GROUP_MAJOR = 242
CDEV_MAJOR = 511

_REGISTERS = 72
_RESET = bytes(_REGISTERS)
"""Bytes of what a device remembers."""


class VfioDevice:
    """A registered VFIO device."""

    __slots__ = (
        "core",
        "device",
        "dir",
        "idle_sleeps",
        "index",
        "leaving",
        "migration",
        "minor",
        "registers",
        "state",
        "users",
    )

    def __init__(self, index: int, device: Function | Mdev, core: bool) -> None:
        self.index = index
        self.device = device
        self.core = core
        """Built on vfio-pci-core: the function is enabled while it is open only."""
        self.idle_sleeps = core
        self.users: list[object] = []
        """The processes that have it open."""
        self.leaving = False
        self.minor = -1
        self.migration: tuple[str, ...] = ()
        self.state = "RUNNING"
        self.registers = _RESET
        self.dir: Dir | None = None


def _node(major: int, minor: int, name: str) -> dict[str, str]:
    """Return what events tell of a node below /dev."""
    return {"MAJOR": str(major), "MINOR": str(minor), "DEVNAME": name}


def _own_node(vfio: VfioDevice) -> dict[str, str]:
    return {} if vfio.minor < 0 else _node(CDEV_MAJOR, vfio.minor, f"vfio/devices/vfio{vfio.index}")


def _uevent(vfio: VfioDevice) -> bytes:
    return "".join(f"{key}={value}\n" for key, value in _own_node(vfio).items()).encode()


def _kind(device: Function | Mdev) -> bytes:
    """Return what begins a device's state, as the header of mtty's does."""
    name = f"{device.model.device:04x}" if isinstance(device, Function) else device.type.name
    return name.encode().ljust(24, b"\0")


def _migratable(device: Function | Mdev) -> VfioDevice:
    if device.vfio is None or not device.vfio.migration:
        raise oops(errno.ENOTTY)
    return device.vfio


class Vfio:
    """The registry behind /sys/class/vfio, /sys/class/vfio-dev and /dev/vfio."""

    def __init__(self, core: Core, irqs: Irqs) -> None:
        self._core = core
        self._irqs = irqs
        self._indices = Numbers()
        self._group_minors = Numbers()
        self._minor_of: dict[int, int] = {}
        self.loaded = False
        nowhere = Dir("", None)
        self._class = self._groups = self._nodes = self._cdevs = nowhere
        self._table: dict[str, Entry] = {
            "dev": Attr(lambda v: f"{CDEV_MAJOR}:{v.minor}\n".encode(), present=lambda v: v.minor >= 0),
            "device": Ref(lambda v: v.device.dir),
            "power": Branch(POWER),
            "subsystem": Ref(lambda v: self._class),
            "uevent": Attr(_uevent),
        }
        self._group_table: dict[str, Entry] = {
            "dev": Attr(lambda node: f"{GROUP_MAJOR}:{node[1]}\n".encode()),
            "power": Branch(POWER),
            "subsystem": Ref(lambda node: self._groups),
            "uevent": Attr(lambda node: f"MAJOR={GROUP_MAJOR}\nMINOR={node[1]}\nDEVNAME=vfio/{node[0]}\n".encode()),
        }
        self.enable_sriov = False
        self.disable_idle_d3 = False

    def load(self) -> None:
        """Make what the vfio modules bring along."""
        if self.loaded:
            return
        self.loaded = True
        self._groups = self._core.class_dir("vfio")
        self._class = self._core.class_dir("vfio-dev")
        dev = self._core.root.dir("dev")
        self._nodes = vfio = dev.dir("vfio")
        vfio.entries["vfio"] = DeviceNode((10, 196), mode=0o020666)
        if self._core.features.cdev:
            dev.entries["iommu"] = DeviceNode((10, 127))
            self._cdevs = vfio.dir("devices")

    def register(self, device: Function | Mdev, *, core: bool, migration: tuple[str, ...] = ()) -> None:
        """Offer a device to user space. Raises EINVAL when it has no IOMMU group."""
        group = device.group
        if group is None:
            raise einval()
        self.load()
        vfio = VfioDevice(self._indices.take(), device, core)
        vfio.idle_sleeps = core and not self.disable_idle_d3
        vfio.migration = migration
        device.vfio = vfio
        if group.nodes == 0:
            self._add_group_node(group)
        group.nodes += 1
        name = f"vfio{vfio.index}"
        directory = device.dir.dir("vfio-dev").add(name, table=self._table, owner=vfio)
        if self._core.features.cdev:
            vfio.minor = vfio.index
            self._cdevs.entries[name] = DeviceNode((CDEV_MAJOR, vfio.minor))
        vfio.dir = directory
        self._class.link(name, directory)
        self._core.emit("add", directory, "vfio-dev", **_own_node(vfio))

    def unregister(self, device: Function | Mdev) -> Operation:
        """Withdraw a device: new opens fail at once, the rest waits until the last user closes it."""
        vfio = device.vfio
        if vfio is None:
            return
        vfio.leaving = True
        name = f"vfio{vfio.index}"
        if vfio.dir is not None:
            self._core.emit("remove", vfio.dir, "vfio-dev", **_own_node(vfio))
        self._class.drop(name)
        device.dir.drop("vfio-dev")
        if vfio.minor >= 0:
            self._cdevs.drop(name)
        yield Wait(until=lambda: not vfio.users, wchan="vfio_unregister_group_dev")
        self._indices.give(vfio.index)
        device.vfio = None
        group = device.group
        if group is not None:
            group.nodes -= 1
            if group.nodes == 0:
                self._drop_group_node(group)

    def _add_group_node(self, group: Group) -> None:
        minor = self._group_minors.take()
        self._minor_of[group.id] = minor
        name = str(group.id)
        directory = self._core.virtual.dir("vfio").add(name, table=self._group_table, owner=(name, minor))
        self._groups.link(name, directory)
        self._nodes.entries[name] = DeviceNode((GROUP_MAJOR, minor))
        self._core.emit("add", directory, "vfio", **_node(GROUP_MAJOR, minor, f"vfio/{name}"))

    def _drop_group_node(self, group: Group) -> None:
        name = str(group.id)
        node = _node(GROUP_MAJOR, self._minor_of[group.id], f"vfio/{name}")
        self._core.emit("remove", self._core.virtual.dir("vfio").dir(name), "vfio", **node)
        self._groups.drop(name)
        self._core.virtual.dir("vfio").drop(name)
        self._nodes.drop(name)
        self._group_minors.give(self._minor_of.pop(group.id))

    def open(self, user: object, device: Function | Mdev, *, token: str = "") -> None:
        """Let a process take a device.

        Raises ENOENT (no VFIO driver), ENODEV (being removed), EACCES (VF token), EBUSY (somebody else has
        it or its group), EPERM (group not viable).
        """
        vfio, group = device.vfio, device.group
        if vfio is None or group is None:
            raise oops(errno.ENOENT)
        if vfio.leaving:
            raise oops(errno.ENODEV)
        self._check_token(device, token)
        if vfio.users or (group.owner is not None and group.owner is not user):
            raise oops(errno.EBUSY)
        if group.culprits():
            raise oops(errno.EPERM)
        group.owner = user
        vfio.users.append(user)
        if isinstance(device, Function) and vfio.core:
            self._irqs.request(device, min(device.model.vectors, 4), f"vfio-msix[{{}}]({device.address})", 900.0)

    def close(self, user: object, device: Function | Mdev) -> None:
        """Let a process give a device back."""
        vfio, group = device.vfio, device.group
        if vfio is not None and user in vfio.users:
            vfio.users.remove(user)
            if isinstance(device, Function) and vfio.core:
                self._irqs.free(device)
        if group is not None and group.owner is user:
            still = any(m.vfio is not None and user in m.vfio.users for m in group.members)
            if not still:
                group.owner = None

    @staticmethod
    def look(device: Function | Mdev) -> VfioLook:
        """Return what a device that is open says of itself."""
        vfio = device.vfio
        assert vfio is not None
        migration = None
        if vfio.migration:
            features = tuple(word for word in vfio.migration if word != "dirty-tracking")
            size = len(_kind(device)) + _REGISTERS
            migration = VfioMigration(features, vfio.state, size, "dirty-tracking" in vfio.migration)
        if isinstance(device, Function):
            bars = [VfioRegion(f"BAR {bar}", device.model.bar, True, True, True) for bar in device.model.bars]
            space = VfioRegion("config", 4096 if device.model.pcie else 256, True, True, False)
            irqs = (VfioIrq("MSI-X", device.model.vectors), VfioIrq("request", 1))
            return VfioLook(device.address, True, (*bars, space), irqs, migration)
        size = device.parent.family.region
        regions = (VfioRegion("BAR 0", size, True, True, True),) if size else ()
        return VfioLook(device.uuid, True, regions, (), migration)

    @staticmethod
    def state_of(device: Function | Mdev) -> bytes:
        """Return the state of a device that is open. Raises ENOTTY where its driver cannot save one."""
        return _kind(device) + _migratable(device).registers

    @staticmethod
    def give_state(device: Function | Mdev, state: bytes) -> None:
        """Give a device that is open a state. It is reset, and ENOMEM or EINVAL raised, where it does not take it."""
        vfio, kind = _migratable(device), _kind(device)
        vfio.registers = _RESET
        if not state.startswith(kind):
            raise oops(errno.ENOMEM)
        if len(state) != len(kind) + _REGISTERS:
            raise einval()
        vfio.registers = state[len(kind) :]

    @staticmethod
    def _check_token(device: Function | Mdev, token: str) -> None:
        if not isinstance(device, Function):
            return
        pf = device.pf
        if pf is not None and pf.vfio is not None:
            assert pf.sriov is not None
            if not token or token != pf.sriov.token:
                raise oops(errno.EACCES)
        elif token and pf is not None:
            raise einval()
        elif token and device.sriov is not None:
            device.sriov.token = token
