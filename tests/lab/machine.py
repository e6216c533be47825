"""The hardware of the lab, as a QEMU command line."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from itertools import count
from pathlib import Path

from tests.lab.parts import Kernel, Qemu


@dataclass(frozen=True, slots=True)
class Profile:
    """One machine."""

    about: str
    iommu: bool = True
    nvme_vfs: tuple[int, ...] = (8, 127)
    """The most VFs of each NVMe controller."""
    small: bool = True
    """Whether it has what is there once: a shared group, a device that interrupts at will, a virtio-net PF."""


PROFILES = {
    "full": Profile("every kind of device, behind an emulated IOMMU"),
    "no-iommu": Profile("the same without an IOMMU", iommu=False),
    # QEMU's memory at boot grows with the square of the VFs: 2.4 GB for 268 of them, 7 GB for 522.
    "scale": Profile("268 VFs", nvme_vfs=(127, 127), small=False),
}

# VT-d with a large TLB cache and no quirks; identity domains by default, as most hypervisors have it.
_IOMMU = ("-device", "intel-iommu,intremap=on,caching-mode=on,device-iotlb=on")
_NET_HUB = 7


def command_line(
    qemu: Qemu, kernel: Kernel, profile: Profile, *, accel: str, exchange: Path, console: Path, terminal: int
) -> list[str]:
    """Return the command that boots the machine.

    Args:
        accel: "kvm" or "tcg".
        exchange: directory that host and guest share, mounted on /lab.
        console: file that the kernel's messages go to.
        terminal: descriptor of a connected socket, the guest's /dev/ttyS1.
    """
    words = [
        # A busy machine may not deliver the timer's first interrupts in the moment that the kernel gives them.
        "no_timer_check",
        # Nor, later, the one tick after which a processor gets no other: periodic ticks come again by themselves.
        "nohz=off highres=off",
        "console=ttyS0 quiet loglevel=4 mitigations=off nokaslr panic=-1 iovtop.lab",
        "intel_iommu=on iommu=pt" if profile.iommu else "intel_iommu=off",
    ]
    command = [*qemu.command, "-name", "iovtop-lab", "-nodefaults", "-display", "none", "-no-reboot"]
    command += ["-M", "q35,kernel-irqchip=split", *acceleration(accel), "-m", "3G", "-smp", "2"]
    command += ["-kernel", str(kernel.image), "-initrd", str(kernel.initramfs), "-append", " ".join(words)]
    command += ["-serial", f"file:{console}"]
    command += ["-chardev", f"socket,id=terminal,fd={terminal}", "-serial", "chardev:terminal"]
    command += [*_share("hostroot", Path("/"), writable=False), *_share("mods", kernel.modules, writable=False)]
    command += [*_share("exchange", exchange, writable=True), "-device", "virtio-rng-pci"]
    if profile.iommu:
        command += _IOMMU
    return command + [argument for device in _devices(qemu, profile) for argument in device]


def acceleration(accel: str) -> tuple[str, ...]:
    """Return the options that choose how the guest's instructions are run."""
    if accel == "kvm":
        return ("-accel", "kvm", "-cpu", "host")
    return ("-accel", "tcg,thread=multi,tb-size=512", "-cpu", "max")


def _share(tag: str, path: Path, *, writable: bool) -> tuple[str, ...]:
    mode = "" if writable else ",readonly=on"
    text = str(path).replace(",", ",,")
    return (
        *("-fsdev", f"local,id={tag},path={text},security_model=none,multidevs=remap{mode}"),
        *("-device", f"virtio-9p-pci,fsdev={tag},mount_tag={tag}"),
    )


def _devices(qemu: Qemu, profile: Profile) -> Iterator[tuple[str, ...]]:
    ports = count(1)
    for number in (1, 2):
        port = next(ports)
        yield _port(port)
        yield ("-netdev", f"hubport,id=net{port},hubid={_NET_HUB}")
        yield ("-device", f"igb,bus=port{port},netdev=net{port},mac=52:54:00:aa:00:0{number}")
    for most in profile.nvme_vfs:
        port = next(ports)
        yield _port(port)
        yield from _nvme(port, most)
    if not profile.small:
        return
    # Two NICs behind a conventional bridge: one IOMMU group for both.
    port = next(ports)
    yield _port(port)
    yield ("-device", f"pcie-pci-bridge,id=bridge,bus=port{port}")
    for slot in (1, 2):
        yield ("-device", f"e1000,bus=bridge,addr={slot},mac=52:54:00:aa:00:5{slot}")
    # It interrupts when it is told to.
    yield ("-device", "edu")
    if int(qemu.version.split(".")[0]) >= 11:
        port = next(ports)
        yield _port(port)
        yield from _virtio_net(port)


def _port(number: int) -> tuple[str, ...]:
    return ("-device", f"pcie-root-port,id=port{number},chassis={number},slot={number}")


def _nvme(port: int, most: int) -> Iterator[tuple[str, ...]]:
    yield ("-device", f"nvme-subsys,id=subsystem{port},nqn=lab{port}")
    # Two queues and one interrupt for each VF, as many again for the PF, and one queue for administration.
    queues = f"sriov_vq_flexible={2 * most},sriov_vi_flexible={most},max_ioqpairs={2 * most + 2},msix_qsize={most + 2}"
    yield (
        "-device",
        f"nvme,id=nvme{port},serial=LAB{port},bus=port{port},subsys=subsystem{port},sriov_max_vfs={most},{queues}",
    )


def _virtio_net(port: int) -> Iterator[tuple[str, ...]]:
    options = f"bus=port{port},disable-legacy=on,iommu_platform=on,ats=on"
    # QEMU wants the VFs named before their PF.
    for index in (1, 2, 3, 4, 0):
        net = f"virtio{index}"
        yield ("-netdev", f"hubport,id={net},hubid={_NET_HUB + 1}")
        role = f"addr=0.{index},sriov-pf=virtiopf" if index else "addr=0.0,id=virtiopf"
        yield ("-device", f"virtio-net-pci,{options},netdev={net},{role}")
