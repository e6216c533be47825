"""The PCI bus: functions coming and going, drivers, and the files that bind them."""

from __future__ import annotations

import contextlib
import errno
import re
from typing import TYPE_CHECKING

from backend.simhost.attributes import table_for, uevent
from backend.simhost.catalogue import DRIVERS, DriverSpec
from backend.simhost.devlink import is_migratable
from backend.simhost.function import Function
from backend.simhost.models import Model
from backend.simhost.parse import einval, word
from backend.simhost.schedule import Mutex, Operation
from backend.simhost.tree import Attr, Dir, Entry, File, Ref, oops

if TYPE_CHECKING:
    from backend.simhost.kernel import Kernel

_NEW_ID = re.compile(r"\s*([0-9a-f]{1,8})\s+([0-9a-f]{1,8})((?:\s+[0-9a-f]{1,16}){0,5})\s*", re.I | re.ASCII)


class Driver:
    """A registered driver and its directory."""

    __slots__ = ("dir", "dynamic", "spec")

    def __init__(self, spec: DriverSpec, directory: Dir) -> None:
        self.spec = spec
        self.dir = directory
        self.dynamic: list[tuple[int, int]] = []

    def matches(self, f: Function) -> bool:
        """Tell whether it would take the function, as ``pci_match_device`` does."""
        if f.override is not None and f.override != self.spec.name:
            return False
        if (f.model.vendor, f.model.device) in self.dynamic:
            return True
        if self.spec.matches(f.model) and (f.override is not None or not self.spec.override_only):
            return True
        return f.override is not None


class Pci:
    """The bus. Writers that end at once return None, those that may wait return an operation."""

    def __init__(self, kernel: Kernel) -> None:
        self._kernel = kernel
        self.bus = kernel.core.sys.dir("bus").dir("pci")
        self.devices = self.bus.dir("devices")
        self._drivers_dir = self.bus.dir("drivers")
        self.functions: dict[str, Function] = {}
        self.drivers: dict[str, Driver] = {}
        self.rescan_lock = Mutex()
        self.autoprobe = True
        self._driver_table: dict[str, Entry] = {
            "bind": Attr(None, self._write_bind),
            "unbind": Attr(None, self._write_unbind),
            "new_id": Attr(None, self._write_new_id),
            "remove_id": Attr(None, self._write_remove_id),
            "uevent": Attr(None, lambda driver, data: None),
            "module": Ref(lambda driver: kernel.core.sys.dir("module").dir(driver.spec.module)),
        }
        bus = self.bus.entries
        bus["drivers_probe"] = File(mode=0o200, write=self._write_drivers_probe)
        bus["drivers_autoprobe"] = File(
            lambda: b"1\n" if self.autoprobe else b"0\n", mode=0o644, write=self._write_autoprobe
        )
        bus["rescan"] = File(mode=0o200, write=lambda data: kernel.files.write_rescan(None, data))
        bus["uevent"] = File(mode=0o200, write=lambda data: None)

    # -- drivers

    def load_driver(self, name: str) -> Driver:
        """Register a driver of the catalogue; nothing is probed."""
        driver = self.drivers.get(name)
        if driver is None:
            directory = self._drivers_dir.add(name, table=self._driver_table)
            driver = Driver(DRIVERS[name], directory)
            directory.owner = driver
            self.drivers[name] = driver
            self._kernel.modules.load(driver.spec.module)
            module = self._kernel.core.sys.dir("module").dir(driver.spec.module)
            module.dir("drivers").link(f"pci:{name}", directory)
        return driver

    def introduce(self, name: str) -> None:
        """Register a driver and offer it every idle function, as loading its module does."""
        if name in self.drivers:
            return
        driver = self.load_driver(name)
        for f in list(self.functions.values()) if self.autoprobe else ():
            if f.driver is None and driver.matches(f):
                with contextlib.suppress(OSError):
                    self.probe(f, driver)

    # -- functions

    def add(
        self,
        address: str,
        model: Model,
        *,
        port: Function | None = None,
        pf: Function | None = None,
        role: str = "function",
        group: int | None = None,
        numa: int = -1,
    ) -> Function:
        """Put a function on the bus (nothing is probed yet)."""
        parent = port.dir if port is not None else self._root(address)
        directory = parent.add(address, table=table_for(self._kernel, model, role))
        f = Function(address, model, directory, port)
        f.numa = numa
        f.pf = pf
        directory.owner = f
        if port is not None:
            port.kids += 1
            if model.pcie and port.model.pcie:
                port.link_now = model.link
        self._enlist(f, group)
        self.emit("add", f)
        return f

    def _enlist(self, f: Function, group: int | None) -> None:
        self.functions[f.address] = f
        self._kernel.iommu.join(f, group)
        self.devices.link(f.address, f.dir)

    def _root(self, address: str) -> Dir:
        domain, bus, _ = address.split(":")
        name = f"pci{domain}:{bus}"
        devices = self._kernel.core.devices
        if name not in devices.entries:
            devices.dir(name).file("uevent", b"")
        return devices.dir(name)

    def emit(self, action: str, f: Function) -> None:
        """Send a uevent for a function."""
        core = self._kernel.core
        if core.events.subscribers:
            properties = dict(line.split("=", 1) for line in uevent(f).decode().splitlines())
            if action == "unbind":
                del properties["MODALIAS"]  # so that no module is loaded because of it (lib/kobject_uevent.c)
            core.emit(action, f.dir, "pci", **properties)

    def find(self, data: bytes) -> Function:
        """Return the function whose address was written. Raises ENODEV."""
        f = self.functions.get(word(data))
        if f is None:
            raise oops(errno.ENODEV)
        return f

    def remove(self, f: Function) -> Operation:
        """Take a function (and all below it) off the bus; waits for whoever holds it."""
        f.taken = True
        if f.model.port:
            for child in [c for c in self.functions.values() if c.port is f and c.pf is None]:
                yield from self.remove(child)
        yield from self.unbind(f)
        if f.sriov is not None and f.sriov.num:
            yield from self._kernel.sriov.disable(f)
        if self.functions.get(f.address) is not f:
            return  # somebody else was faster
        self.devices.drop(f.address)
        self._kernel.iommu.leave(f)
        self.emit("remove", f)
        if f.dir.parent is not None:
            f.dir.parent.drop(f.address)
        if f.port is not None:
            f.port.kids -= 1
        self.functions.pop(f.address, None)
        self._kernel.core.schedule.changed()

    # -- binding

    def attach(self, f: Function) -> bool:
        """Offer a function to every driver, as ``device_attach`` does: failing probes are silent.

        Returns False where the owner of its group kept a driver away: then nobody else is asked.
        """
        if f.driver is not None:
            return True
        for driver in list(self.drivers.values()):
            if driver.matches(f):
                if self._is_kept_away(f, driver):
                    return False
                try:
                    self.probe(f, driver)
                except OSError:
                    continue
                return True
        return True

    @staticmethod
    def _is_kept_away(f: Function, driver: Driver) -> bool:
        return not driver.spec.managed_dma and f.group is not None and f.group.owner is not None

    def probe(self, f: Function, driver: Driver) -> None:
        """Bind a driver that matches. Raises what its probe does."""
        kernel, spec = self._kernel, driver.spec
        if f.driver is not None:
            raise oops(errno.EBUSY)
        if f.taken:
            raise oops(errno.ENODEV)
        if f.pf is not None and f.override is None and f.pf.sriov is not None and not f.pf.sriov.autoprobe:
            raise oops(errno.ENODEV)
        if self._is_kept_away(f, driver):
            raise oops(errno.EBUSY)
        if spec.vfio:
            if f.nvidia is not None or (f.sriov is not None and f.sriov.num):
                raise einval() if f.nvidia is not None else oops(errno.EBUSY)
            migration = spec.migration if is_migratable(f) else ()
            kernel.vfio.register(f, core=True, migration=migration)
        elif f.model.dead_on_host and spec.matches(f.model):
            raise oops(errno.ENODEV)
        f.driver = driver
        f.driver_link = True
        driver.dir.link(f.address, f.dir)
        if not spec.vfio:
            kernel.classes.create(f)
        self.emit("bind", f)

    def unbind(self, f: Function) -> Operation:
        """Take the driver away, if there is one: waits for the device lock, then for its users."""
        yield from f.lock.acquire("device_driver_detach")
        try:
            if f.driver is not None:
                yield from self._release(f, f.driver)
        finally:
            f.lock.release()

    def _release(self, f: Function, driver: Driver) -> Operation:
        # As in __device_release_driver: the links go first, f.driver (and DRIVER= in uevent) last.
        kernel = self._kernel
        f.driver_link = False
        driver.dir.drop(f.address)
        if f.sriov is not None and f.sriov.num and driver.spec.sriov in ("own", "vfio"):
            yield from kernel.sriov.disable(f)
        if f.mdev_parent is not None:
            yield from kernel.mdev.unregister(f.mdev_parent)
        if f.vfio is not None:
            yield from kernel.vfio.unregister(f)
        kernel.classes.destroy(f)
        f.driver = None
        self.emit("unbind", f)

    def _write_bind(self, driver: Driver, data: bytes) -> Operation:
        f = self.find(data)
        if not driver.matches(f):
            raise oops(errno.ENODEV)
        yield from f.lock.acquire("device_driver_attach")
        try:
            self.probe(f, driver)
        finally:
            f.lock.release()

    def _write_unbind(self, driver: Driver, data: bytes) -> Operation:
        f = self.find(data)
        if f.driver is not driver:
            raise oops(errno.ENODEV)
        yield from self.unbind(f)

    def _write_drivers_probe(self, data: bytes) -> Operation:
        f = self.find(data)
        yield from f.lock.acquire("__device_attach")
        try:
            if not f.taken and not self.attach(f):
                raise einval()
        finally:
            f.lock.release()

    def _write_autoprobe(self, data: bytes) -> None:
        self.autoprobe = not data.startswith(b"0")

    def _write_new_id(self, driver: Driver, data: bytes) -> None:
        match = _NEW_ID.fullmatch(data.decode("ascii", "replace"))
        if match is None:
            raise einval()
        ids = (int(match[1], 16), int(match[2], 16))
        if ids in driver.dynamic or (ids in driver.spec.ids and not driver.spec.override_only):
            raise oops(errno.EEXIST)
        driver.dynamic.append(ids)
        for f in list(self.functions.values()):
            if f.driver is None and (f.model.vendor, f.model.device) == ids and driver.matches(f):
                try:
                    self.probe(f, driver)
                except OSError:
                    continue

    def _write_remove_id(self, driver: Driver, data: bytes) -> None:
        match = _NEW_ID.fullmatch(data.decode("ascii", "replace"))
        if match is None:
            raise einval()
        ids = (int(match[1], 16), int(match[2], 16))
        if ids not in driver.dynamic:
            raise oops(errno.ENODEV)
        driver.dynamic.remove(ids)
