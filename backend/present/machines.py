"""The detail of a VM."""

from __future__ import annotations

from collections.abc import Iterator

from backend.model.figures import bytes_text
from backend.model.vm import Vm, VmDevice
from backend.present.columns import Cell, Role
from backend.present.lines import Line, Section


def virtual_machine(vm: Vm) -> tuple[Section, ...]:
    """Return what is known of a VM, and of the devices that it was started with."""
    devices = tuple(_device(device) for device in vm.devices)
    started = Section("Started with", devices)
    return (Section("VM", tuple(_machine(vm))), *((started,) if devices else ()))


def _machine(vm: Vm) -> Iterator[Line]:
    if vm.uuid:
        yield Line("UUID", Cell(vm.uuid))
    size = [f"{vm.vcpus} vCPU{'s' * (vm.vcpus != 1)}"] if vm.vcpus is not None else []
    if vm.memory is not None:
        size.append(f"{bytes_text(vm.memory)} of memory")
    if size:
        yield Line("size", Cell(", ".join(size)))
    if vm.machine:
        yield Line("machine", Cell(vm.machine), vm.accel)
    if vm.incoming:
        yield Line("migration", Cell("started to receive one"))
    yield Line("manager", Cell(vm.manager.value), "" if vm.qemu else f"{vm.program}: iovtop talks to QEMU only")
    for path in vm.monitors:
        yield Line("monitor", Cell(path))
    if vm.qemu and not vm.monitors:
        whose = "libvirt has it: ask through libvirt" if vm.manager == "libvirt" else "its command line names no socket"
        yield Line("monitor", Cell("none", Role.MUTED), whose)
    yield from _memory(vm)


def _memory(vm: Vm) -> Iterator[Line]:
    note = vm.notes.get("locked")
    if note is not None:
        yield Line("locked memory", Cell(note.state.value, Role.HIDDEN), note.reason)
        return
    held = max(vm.locked or 0, vm.pinned or 0)
    limit = "no limit" if vm.lock_limit is None else f"limit {bytes_text(vm.lock_limit)}"
    if "lock_limit" in vm.notes:
        limit = vm.notes["lock_limit"].reason
    tight = vm.lock_limit is not None and held > vm.lock_limit * 0.95
    yield Line("locked memory", Cell(bytes_text(held), Role.WARNING if tight else Role.TEXT), limit)


def _device(device: VmDevice) -> Line:
    words = [f"id {device.id}" if device.id else "", f"on {device.bus}" if device.bus else ""]
    words += ["x-no-mmap" if device.no_mmap else "", "iommufd" if device.iommufd else ""]
    words += [f"enable-migration={device.enable_migration}" if device.enable_migration != "auto" else ""]
    return Line("device", Cell(device.device, Role.ID), ", ".join(filter(None, words)))
