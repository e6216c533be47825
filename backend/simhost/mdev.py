"""Mediated devices: parents, types, capacity, and instances coming and going."""

from __future__ import annotations

import errno
import re
from typing import TYPE_CHECKING

from backend.simhost.families import FAMILIES, Family, TypeSpec
from backend.simhost.function import Function
from backend.simhost.parse import einval, number, word
from backend.simhost.power import POWER
from backend.simhost.schedule import Operation
from backend.simhost.tree import Attr, Branch, Dir, Entry, File, Ref, oops

if TYPE_CHECKING:
    from backend.simhost.iommu import Group
    from backend.simhost.kernel import Kernel
    from backend.simhost.vfio import VfioDevice

_UUID = re.compile(r"[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}", re.I | re.ASCII)


class MdevType:
    """A type below one parent."""

    __slots__ = ("dir", "name", "parent", "spec")

    def __init__(self, parent: Parent, spec: TypeSpec) -> None:
        self.parent = parent
        self.spec = spec
        self.name = f"{parent.family.driver}-{spec.name}"
        self.dir: Dir | None = None

    def available(self) -> int:
        """Return what ``available_instances`` reads."""
        parent = self.parent
        if parent.family.homogeneous and any(m.type is not self for m in parent.mdevs):
            return 0
        return parent.left // self.spec.cost


class Parent:
    """A device that offers mdevs."""

    __slots__ = ("dir", "family", "function", "left", "mdevs", "name", "types")

    def __init__(self, name: str, directory: Dir, family: Family, pool: int, function: Function | None) -> None:
        self.name = name
        self.dir = directory
        self.family = family
        self.left = pool
        self.function = function
        self.mdevs: list[Mdev] = []
        self.types = {t.name: t for t in (MdevType(self, spec) for spec in family.types)}


class Mdev:
    """A mediated device."""

    __slots__ = ("active", "dir", "driver_link", "group", "parent", "type", "uuid", "vfio")

    def __init__(self, uuid: str, kind: MdevType, directory: Dir) -> None:
        self.uuid = uuid
        self.type = kind
        self.parent = kind.parent
        self.dir = directory
        self.group: Group | None = None
        self.vfio: VfioDevice | None = None
        self.driver_link = True
        self.active = True


class MdevBus:
    """The mdev core: /sys/bus/mdev, /sys/class/mdev_bus."""

    def __init__(self, kernel: Kernel) -> None:
        self._kernel = kernel
        self._core = kernel.core
        self.mdevs: dict[str, Mdev] = {}
        self.parents: dict[str, Parent] = {}
        self._bus: Dir | None = None
        kernel.classes.on_bound.append(self._bound)
        self._type_table: dict[str, Entry] = {
            "available_instances": Attr(lambda t: f"{t.available()}\n".encode()),
            "create": Attr(None, self._write_create),
            "device_api": Attr(lambda t: b"vfio-pci\n"),
            "name": Attr(lambda t: t.spec.label.encode("utf-8", "surrogateescape") + b"\n"),
            "description": Attr(
                lambda t: t.spec.description.encode() + b"\n", present=lambda t: bool(t.spec.description)
            ),
        }
        self._mdev_table: dict[str, Entry] = {
            "driver": Ref(self._driver_dir),
            "iommu_group": Ref(lambda m: m.group.dir if m.group is not None else None),
            "power": Branch(POWER),
            "mdev_type": Ref(lambda m: m.type.dir if m.active else None),
            "remove": Attr(None, self._write_remove, present=lambda m: m.active),
            "subsystem": Ref(lambda m: self._bus),
            "uevent": Attr(lambda m: f"DRIVER={m.parent.family.driver}\n".encode(), lambda m, data: None),
        }

    def _load(self) -> Dir:
        if self._bus is None:
            self._bus = self._core.sys.dir("bus").dir("mdev")
            self._bus.dir("devices")
            self._bus.dir("drivers")
            self._bus.entries["drivers_autoprobe"] = File(b"1\n", mode=0o644, write=lambda data: None)
            self._bus.entries["drivers_probe"] = File(mode=0o200, write=lambda data: None)
            self._kernel.modules.load("mdev")
        return self._bus

    def _drivers(self, name: str) -> Dir:
        drivers = self._load().dir("drivers").dir(name)
        if "module" not in drivers.entries:
            self._kernel.modules.load(name)
            drivers.link("module", self._core.sys.dir("module").dir(name))
        return drivers

    def _driver_dir(self, mdev: Mdev) -> Dir | None:
        return self._drivers(mdev.parent.family.driver) if mdev.driver_link else None

    # -- parents

    def _bound(self, f: Function) -> None:
        if f.pf is not None and f.pf.sriov is not None and f.pf.sriov.mdev_types:
            self.register(f.address, f.dir, FAMILIES[f.pf.sriov.mdev_types], function=f)

    def virtual_parent(self, name: str, family: Family, pool: int = 0) -> Parent:
        """Register a parent without hardware, as the sample drivers do."""
        directory = self._core.virtual.dir(family.driver).add(name)
        directory.link("subsystem", self._core.class_dir(family.driver))
        directory.file("uevent", b"")
        directory.branch("power", POWER)
        self._core.class_dir(family.driver).link(name, directory)
        return self.register(name, directory, family, pool)

    def register(
        self, name: str, directory: Dir, family: Family, pool: int = 0, function: Function | None = None
    ) -> Parent:
        """Make a device an mdev parent (``mdev_register_parent``)."""
        self._load()
        self._drivers(family.driver)
        parent = Parent(name, directory, family, pool or family.pool, function)
        types = directory.add("mdev_supported_types")
        for kind in parent.types.values():
            kind.dir = types.add(kind.name, table=self._type_table, owner=kind)
            kind.dir.dir("devices")
        self.parents[name] = parent
        self._core.class_dir("mdev_bus").link(name, directory)
        if function is not None:
            function.mdev_parent = parent
        self._core.emit("change", directory, "pci" if function else family.driver, MDEV_STATE="registered")
        return parent

    def unregister(self, parent: Parent) -> Operation:
        """Take a parent's mdevs and types away; waits for mdevs that are held."""
        self._core.emit(
            "change",
            parent.dir,
            "pci" if parent.function else parent.family.driver,
            MDEV_STATE="unregistered",
        )
        self._core.class_dir("mdev_bus").drop(parent.name)
        for mdev in list(parent.mdevs):
            mdev.active = False
            yield from self._remove(mdev)
        parent.dir.drop("mdev_supported_types")
        self.parents.pop(parent.name, None)
        if parent.function is not None:
            parent.function.mdev_parent = None

    # -- mdevs

    def _write_create(self, kind: MdevType, data: bytes) -> None:
        if not 36 <= len(data) <= 37 or not _UUID.fullmatch(word(data)):
            raise einval()
        self.create(kind, word(data).lower())

    def create(self, kind: MdevType, uuid: str) -> Mdev:
        """Create an mdev. Raises EEXIST, and EUSERS or the driver's own errno when the pool is empty."""
        parent = kind.parent
        if uuid in self.mdevs:
            raise oops(errno.EEXIST)
        if kind.available() < 1:
            raise oops(parent.family.full)
        parent.left -= kind.spec.cost
        directory = parent.dir.add(uuid, table=self._mdev_table)
        mdev = Mdev(uuid, kind, directory)
        directory.owner = mdev
        bus = self._load()
        self.mdevs[uuid] = mdev
        parent.mdevs.append(mdev)
        bus.dir("devices").link(uuid, directory)
        self._drivers(parent.family.driver).link(uuid, directory)
        assert kind.dir is not None
        kind.dir.dir("devices").link(uuid, directory)
        if kind.spec.attributes:
            vendor = directory.dir("vendor")
            for name, value in kind.spec.attributes:
                vendor.file(name, value.format(uuid=uuid) + "\n")
        self._core.emit("add", directory, "mdev")
        mdev.group = self._kernel.iommu.make(emulated=True)
        mdev.group.members.append(mdev)
        self._kernel.vfio.register(mdev, core=False, migration=parent.family.migration)
        self._core.emit("bind", directory, "mdev", DRIVER=parent.family.driver)
        return mdev

    def _write_remove(self, mdev: Mdev, data: bytes) -> Operation | None:
        if not number(data, 0, 2**64 - 1):
            return None
        mdev.active = False
        return self._remove(mdev)

    def _remove(self, mdev: Mdev) -> Operation:
        parent = mdev.parent
        if mdev.type.dir is not None:
            mdev.type.dir.dir("devices").drop(mdev.uuid)
        # bus_remove_device() unlinks the device from its bus before it waits for the driver.
        self._load().dir("devices").drop(mdev.uuid)
        mdev.driver_link = False
        self._drivers(parent.family.driver).drop(mdev.uuid)
        yield from self._kernel.vfio.unregister(mdev)
        self._core.emit("unbind", mdev.dir, "mdev")
        self._kernel.iommu.leave(mdev)
        self._core.emit("remove", mdev.dir, "mdev")
        parent.dir.drop(mdev.uuid)
        parent.left += mdev.type.spec.cost
        if mdev in parent.mdevs:
            parent.mdevs.remove(mdev)
        self.mdevs.pop(mdev.uuid, None)
        self._core.schedule.changed()
