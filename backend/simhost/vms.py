"""Believable QEMU command lines, in the styles of libvirt, Proxmox and by hand."""

from __future__ import annotations

import uuid
from collections.abc import Collection
from dataclasses import dataclass
from typing import Literal


@dataclass(frozen=True, slots=True)
class VmPlan:
    """A VM to start."""

    name: str
    devices: tuple[str, ...] = ()
    pid: int = 0
    style: Literal["libvirt", "proxmox", "plain"] = "libvirt"
    memory_mb: int = 4096
    vcpus: int = 4
    mapped: bool = True
    trapped: tuple[str, ...] = ()
    """Devices plugged with ``x-no-mmap``."""
    uid: int = 64055
    user: str = "libvirt-qemu"
    accel: Literal["kvm", "tcg"] = "kvm"
    started: float = 0.0
    machine_id: int = 100
    """Proxmox's number of the VM."""
    guest: Literal["linux", "none"] = "linux"
    """What runs in it: an operating system that lets devices go when asked, or nothing that would."""
    rooted: bool = True
    """Whether each device has a root port of its own, so that it can be unplugged (plain style)."""
    incoming: bool = False
    """It waits for a migration (``-incoming defer``)."""
    dirty_mbps: int = 40
    """MiB of its memory that it changes each second."""
    working_set_mb: int = 512
    """MiB among which it does so."""
    link_mbps: int = 10_000
    """Mbit/s of the network to wherever it migrates."""
    ids: tuple[str, ...] = ()
    """QEMU ids of ``devices``, where they are not the usual ones."""

    qmp: str = ""
    """Path of the monitor's socket, where it is not the usual one."""

    @property
    def monitor(self) -> str:
        """Path of the monitor's socket that others may connect to; "" where only libvirt has one."""
        if self.qmp:
            return self.qmp
        if self.style == "proxmox":
            return f"/var/run/qemu-server/{self.machine_id}.qmp"
        return "" if self.style == "libvirt" else f"/run/vm/{self.name}{'.in' if self.incoming else ''}.qmp"

    @property
    def machine_type(self) -> str:
        """The machine's full type, as QOM names it."""
        return "pc-q35-10.0"

    @property
    def cgroup(self) -> str:
        """The control group that the manager puts it in."""
        if self.style == "libvirt":
            return f"0::/machine.slice/machine-qemu\\x2d1\\x2d{self.name}.scope/libvirt/emulator"
        if self.style == "proxmox":
            return f"0::/qemu.slice/{self.machine_id}.scope"
        return "0::/user.slice/user-0.slice/session-3.scope"


def qemu_argv(vm: VmPlan, mdevs: Collection[str], iommufd: bool) -> tuple[str, ...]:
    """Return the command line. ``mdevs`` tells which devices are mdevs."""
    identity = str(uuid.uuid5(uuid.NAMESPACE_OID, vm.name))
    argv: list[str] = []
    if vm.style == "libvirt":
        argv += ["/usr/bin/qemu-system-x86_64", "-name", f"guest={vm.name},debug-threads=on", "-S"]
        argv += [
            "-machine",
            "pc-q35-10.0,usb=off,dump-guest-core=off",
            "-accel",
            vm.accel,
            "-cpu",
            "host,migratable=on",
        ]
        argv += [
            "-m",
            f"size={vm.memory_mb * 1024}k",
            "-smp",
            f"{vm.vcpus},sockets={vm.vcpus},cores=1,threads=1",
        ]
        argv += ["-uuid", identity, "-no-user-config", "-nodefaults"]
        argv += ["-chardev", "socket,id=charmonitor,fd=25,server=on,wait=off"]
        argv += ["-mon", "chardev=charmonitor,id=monitor,mode=control"]
    elif vm.style == "proxmox":
        argv += ["/usr/bin/kvm", "-id", str(vm.machine_id), "-name", f"{vm.name},debug-threads=on"]
        argv += [
            "-no-shutdown",
            "-chardev",
            f"socket,id=qmp,path={vm.monitor},server=on,wait=off",
        ]
        argv += ["-mon", "chardev=qmp,mode=control", "-smbios", f"type=1,uuid={identity}"]
        argv += [
            "-smp",
            f"{vm.vcpus},sockets=1,cores={vm.vcpus}",
            "-m",
            str(vm.memory_mb),
            "-machine",
            "type=q35+pve0",
        ]
    else:
        argv += ["qemu-system-x86_64", "-machine", f"q35,accel={vm.accel}", "-name", vm.name]
        argv += ["-m", f"{vm.memory_mb}M", "-smp", str(vm.vcpus)]
        argv += ["-qmp", f"unix:{vm.monitor},server=on,wait=off", "-nographic"]
        argv += ["-uuid", identity, "-global", "ICH9-LPC.acpi-pci-hotplug-with-bridge-support=off"]
        for number in range(len(vm.devices) + 1):
            argv += ["-device", f"pcie-root-port,id=rp{number},chassis={number + 1}"]
        if vm.incoming:
            argv += ["-incoming", "defer"]
    if iommufd and vm.devices:
        argv += [
            "-object",
            "iommufd,id=iommufd0" if vm.style == "plain" else '{"qom-type":"iommufd","id":"iommufd0"}',
        ]
    for number, device in enumerate(vm.devices):
        argv += ["-device", _device(vm, number, device, device in mdevs, iommufd)]
    return tuple(argv)


def _device(vm: VmPlan, number: int, device: str, mdev: bool, iommufd: bool) -> str:
    key, value = ("sysfsdev", f"/sys/bus/mdev/devices/{device}") if mdev else ("host", device)
    trapped = device in vm.trapped or not vm.mapped
    if vm.style == "libvirt":
        text = f'{{"driver":"vfio-pci","{key}":"{value}","id":"hostdev{number}",'
        text += '"iommufd":"iommufd0",' if iommufd else ""
        text += '"x-no-mmap":true,' if trapped else ""
        return text + f'"bus":"pci.{number + 5}","addr":"0x0"}}'
    name = vm.ids[number] if number < len(vm.ids) else f"hostpci{number}"
    text = f"vfio-pci,{key}={value},id={name}"
    if vm.style != "plain":
        text += f",bus=pci.{number + 5}"
    elif vm.rooted:
        text += f",bus=rp{number}"
    text += ",iommufd=iommufd0" if iommufd else ""
    return text + (",x-no-mmap=on" if trapped else "")
