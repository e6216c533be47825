"""What to do about what stands in the way of a migration, for those whose hands it is in: libvirt's, or one's own."""

from __future__ import annotations

import re
import shlex
from dataclasses import dataclass

from backend.model.ids import BadIdError, MdevUuid
from backend.model.vm import Vm, VmManager

PATTERNS: tuple[tuple[str, str], ...] = (
    (r"migration is not supported in kernel", "{other}"),
    (r"VFIO_MIGRATION_STOP_COPY is not supported", "a newer kernel driver, or {unplug}"),
    (r"Migration is disabled for VFIO device", "{plug:enable-migration=auto or on}"),
    (
        r"doesn't support device and IOMMU dirty tracking",
        "{plug:enable-migration=on}: all memory then counts as dirty until the switchover, so raise the downtime "
        "limit; or use iommufd on a host whose IOMMU tracks dirty pages",
    ),
    (r"only if all of them support P2P", "leave one such device in the VM, or use drivers that all offer P2P"),
    (r"not supported with vIOMMU", "start the VM without a virtual IOMMU"),
    (r"large memory VM due to dirty tracking limitation", "less guest memory, or a device whose driver tracks more"),
    (r"postcopy", "turn off the capability postcopy-ram"),
    (r"background.snapshot", "turn off the capability background-snapshot"),
    (r"cpr-reboot", "suspend the guest first"),
    (r"9p|virtfs|VirtFS", "unmount the shared folder in the guest and {take_it_out}"),
)
"""What QEMU says (a pattern) → what to do."""


def for_words(vm: Vm, device: str, driver: str, text: str) -> str:
    """Return what to do about what QEMU says of a device, or of the VM where ``device`` is ""."""
    found = next((remedy for pattern, remedy in PATTERNS if re.search(pattern, text)), "see QEMU's documentation")
    return found.format(
        other=other_device(vm, device, driver), unplug=unplugged(vm), plug=_Plug(vm),
        take_it_out="detach it (`virsh detach-device`)" if _libvirt(vm) else "unplug it",
    )  # fmt: skip


def other_device(vm: Vm, device: str, driver: str) -> str:
    """Return what to do about a device whose driver offers no migration."""
    if _is_mdev(device):
        return (
            f"the mdevs of {driver or 'its driver'} cannot be migrated: give it an mdev of a parent whose driver can, "
            f"or {unplugged(vm)}"
        )
    return (
        "only VFIO variant drivers can, each for its own cards (mlx5_vfio_pci, qat_vfio_pci, xe_vfio_pci, ...): give "
        f"it such a VF, or {unplugged(vm)}"
    )


def unplugged(vm: Vm) -> str:
    """Return how a device is kept out of a migration."""
    return "detach it for the migration (`virsh detach-device`)" if _libvirt(vm) else "unplug it for the migration"


def plugged_with(vm: Vm, options: str) -> str:
    """Return how a device gets properties."""
    if _libvirt(vm):
        return f"set {options} on it by a qemu:override (`virsh edit {name_of(vm)}`), from its next start on"
    return f"plug it with {options}"


@dataclass(frozen=True)
class _Plug:
    vm: Vm

    def __format__(self, options: str) -> str:
        return plugged_with(self.vm, options)


def by_libvirt(vm: Vm) -> str:
    """Return the command by which libvirt moves a VM."""
    return f"`virsh migrate --live --p2p --verbose {name_of(vm)} qemu+ssh://DESTINATION/system`"


def name_of(vm: Vm) -> str:
    """Return a VM's name as a shell takes it."""
    return shlex.quote(vm.name)


def _libvirt(vm: Vm) -> bool:
    return vm.manager is VmManager.LIBVIRT


def _is_mdev(device: str) -> bool:
    try:
        MdevUuid.parse(device)
    except BadIdError:
        return False
    return True
