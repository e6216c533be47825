"""Which driver a function has, shall have, and how it gets it (drivers/base/bus.c).

Always by ``driver_override``, unbind and probe of this one function; never by ``new_id``, which takes every
function of its kind.
"""

from __future__ import annotations

from dataclasses import dataclass

from backend.model.device import Device, DeviceKind
from backend.model.ids import KernelName, PciAddress
from backend.model.plan import Condition
from backend.model.requests import Bind, Request, Unbind
from backend.ops.checks import Check, DriverIs, HasDriver
from backend.ops.errors import Refused
from backend.ops.operation import Work, load, write
from backend.ops.world import World, attribute_path
from backend.probe.modules import DriverModule

VFIO = "vfio-pci"
_PARKED = frozenset({VFIO, "pci-stub", "pci-pf-stub", "uio_pci_generic", "igb_uio"})
"""Drivers that no kernel chooses by itself, as far as they do not name the hardware."""
_BRIDGES = ("0600", "0601", "0604", "0605", "0607", "0609")
_UNBIND_PATIENCE = 60.0


def function_of(world: World, name: str) -> Device:
    """Return a PCI function that may change its driver. Raises ``NoSuchDevice``, ``Refused``."""
    device = world.device(name)
    if device.kind is DeviceKind.MDEV:
        raise Refused(f"{device.id} is an mdev: it has the driver of its type", "remove it, or name a PCI function")
    if is_bridge(device):
        raise Refused(f"{device.id} is a bridge: it stays with the kernel", "name the functions behind it")
    return device


def is_bridge(device: Device) -> bool:
    """Return whether a function leads to others."""
    return device.class_code[:4] in _BRIDGES


def is_vfio(driver: str) -> bool:
    """Return whether a driver, loaded or not, offers its devices through VFIO."""
    return driver == VFIO or driver.endswith("vfio_pci")


def best_vfio(world: World, modalias: str) -> DriverModule:
    """Return the VFIO driver for some hardware: the variant that names it most exactly, or else vfio-pci."""
    found = world.modules.drivers_for("vfio_pci", modalias)
    return found[0] if found else world.modules.find(VFIO)


@dataclass(frozen=True, slots=True)
class Target:
    """What a function shall be bound to.

    Attributes:
        driver: the one; "" = none, or whatever the kernel chooses.
        override: ``driver_override`` afterwards; "" = none.
        bound: whether it shall have a driver at all.
        choice: whom the kernel would choose from; empty where it would leave the function alone.
        module: what has to be loaded first; "" = nothing.
    """

    driver: str
    override: str
    bound: bool = True
    choice: tuple[str, ...] = ()
    module: str = ""

    @property
    def vfio(self) -> bool:
        """Whether it is a VFIO driver."""
        return is_vfio(self.driver)

    @property
    def name(self) -> str:
        """How a title calls it."""
        return self.driver or " or ".join(self.choice) or "no driver"


def target_of(world: World, device: Device, driver: str, *, vfio: bool) -> Target:
    """Return what a request for a driver means for one function."""
    if not driver and not vfio:
        return _default(world, device)
    found = world.modules.find(driver) if driver else best_vfio(world, world.attribute(device.id, "modalias") or "")
    return to_driver(found)


def to_driver(found: DriverModule) -> Target:
    """Return the one driver as what a function shall be bound to."""
    return Target(found.driver, found.driver, module="" if found.loaded else found.module)


def _default(world: World, device: Device) -> Target:
    """Return whatever the kernel would bind without an override; a VF may be left alone by its PF's setting."""
    pf = world.find(device.parent) if device.kind in (DeviceKind.VF, DeviceKind.VGPU_VF) else None
    if pf is not None and pf.sriov is not None and pf.sriov.autoprobe is False:
        return Target("", "")
    named = world.modules.drivers_for("pci", world.attribute(device.id, "modalias") or "")
    missing = "" if not named or any(driver.loaded for driver in named) else named[0].module
    return Target("", "", choice=tuple(dict.fromkeys(driver.driver for driver in named)), module=missing)


def is_at(device: Device, override: str, target: Target) -> bool:
    """Return whether a function is there already."""
    if target.driver:
        return device.driver == target.driver and override in ("", target.driver)
    return override == target.override and _stays(device, target)


def _stays(device: Device, target: Target) -> bool:
    """Return whether the driver that a function has, or has not, is the one wanted."""
    if target.driver:
        return device.driver == target.driver
    if not target.bound:
        return not device.driver
    if target.choice:
        return device.driver in target.choice
    return not device.vfio and device.driver not in _PARKED


def steps_to(device: Device, override: str, target: Target, guards: tuple[Check, ...]) -> list[Work]:
    """Return the way to a driver from wherever the function is. What goes with its old driver is gone by then."""
    if is_at(device, override, target):
        return []
    stays = _stays(device, target)
    work = [load(target.module)] if target.module and not stays else []
    if override != target.override:
        work.append(_set_override(device, override, target.override))
    if stays:
        return work
    if device.driver:
        work.append(unbind(device, guards))
    if target.driver or target.choice:
        work.append(_probe(device, target))
    return work


def _set_override(device: Device, old: str, new: str) -> Work:
    text = f"let only {new} have {device.id}" if new else f"let the kernel choose the driver of {device.id}"
    expected = f"{device.id} has the override {new}" if new else f"{device.id} has no override"
    return write(attribute_path(device, "driver_override"), new, text=text, old=old, expected=expected)


def unbind(device: Device, guards: tuple[Check, ...]) -> Work:
    """Return the work of taking a function's driver away."""
    return write(
        f"/sys/bus/pci/drivers/{device.driver}/unbind", device.id, text=f"take {device.driver} off {device.id}",
        old=device.driver, before=guards, after=(DriverIs(device.id, ""),), expected=f"{device.id} has no driver",
        patience=_UNBIND_PATIENCE,
    )  # fmt: skip


def _probe(device: Device, target: Target) -> Work:
    after = DriverIs(device.id, target.driver) if target.driver else HasDriver(device.id, target.choice)
    return write(
        "/sys/bus/pci/drivers_probe", device.id, text=f"bind {device.id} to {target.name}", old="", after=(after,),
        expected=f"{device.id} is bound to {target.name}", patience=_UNBIND_PATIENCE,
    )  # fmt: skip


def conditions_for(world: World, device: Device, target: Target) -> list[Condition]:
    """Return what a driver wants beside the function itself being free."""
    found = []
    if target.vfio:
        text = f"{device.id} is in an IOMMU group"
        remedy = "turn the IOMMU on in the firmware, and boot with intel_iommu=on where the kernel wants that"
        inside = device.group is not None
        found.append(Condition(text, inside, "" if inside else "it is in none", "" if inside else remedy))
    elif target.driver or target.choice:
        found += [_mate_is_free(mate) for mate in mates(world, device) if mate.vfio]
    return found


def _mate_is_free(mate: Device) -> Condition:
    text = f"nobody holds {mate.id} of the same IOMMU group"
    if not mate.held:
        return Condition(text, True)
    who = ", ".join(holder.name for holder in mate.holders) or "it cannot be told who"
    remedy = f"whoever holds {mate.id} owns the DMA of the whole group: a host driver has to wait for it"
    return Condition(text, False, f"held by {who}", remedy)


def mates(world: World, device: Device) -> list[Device]:
    """Return the other functions of a device's IOMMU group."""
    group = world.host.groups.get(device.group) if device.group is not None else None
    members = group.members if group is not None else ()
    return [mate for name in members if name != device.id and (mate := world.find(name)) is not None]


def way_back(world: World, device: Device, override: str) -> Request:
    """Return the request that leads back to how a function's driver is now."""
    address = PciAddress(device.id)
    if not device.driver:
        return Unbind(address, override)
    if is_at(device, override, _default(world, device)):
        return Bind(address)
    return Bind(address, driver=KernelName(device.driver))


def persisted_override(world: World, device: Device) -> str:
    """Return the driver that driverctl binds a function to at boot; "" = it has none saved."""
    return world.read(f"/etc/driverctl.d/pci-{device.id}") or ""
