"""The table of what an errno means: everywhere, at a place, and at a place with a driver.

Sources: drivers/pci/iov.c, pci-sysfs.c and pci.c, drivers/base/bus.c, drivers/vfio/mdev, drivers/iommu/iommu.c,
and the drivers named. What rtnetlink and devlink give is in ``explain_links``.
"""

from __future__ import annotations

import errno
from collections.abc import Mapping

Words = tuple[str, str]
"""Cause and remedy."""

_ROOT: Words = ("the kernel refuses this user", "run as root; in a locked-down kernel not even root may")
_GONE: Words = ("the device or its driver has gone", "look again: `iovtop snapshot`")
DMESG = "dmesg has what the driver said"

EVERYWHERE: Mapping[int, Words] = {
    errno.EACCES: _ROOT,
    errno.EPERM: _ROOT,
    errno.ENODEV: _GONE,
    errno.ENXIO: _GONE,
    errno.ENOENT: ("the kernel has no such file now: the device or its driver has gone", "look again"),
    errno.EROFS: ("it is mounted read-only here", "run on the host itself, not in a container"),
    errno.EBUSY: ("somebody else uses it or changes it", "find out who has it, and try again when they are done"),
    errno.EINVAL: ("the driver does not take this value", DMESG),
    errno.ERANGE: ("the value is beyond what the device can", "ask for less"),
    errno.EIO: ("the device or its firmware refused", f"{DMESG}; a reset may help"),
    errno.ECHILD: ("iovtop's own child that does it did not start, or ended", "see whether this host has memory left"),
    errno.ENOMEM: ("the kernel found no memory for it", "free memory, or ask for less"),
    errno.ENOSPC: ("there is no room left for it", "ask for less, or take something away first"),
    errno.EAGAIN: ("the kernel is not ready for it yet", "try again in a moment"),
    errno.EINTR: ("it was interrupted before it was done", "look again, and ask for the rest"),
    errno.ETIMEDOUT: ("the device or its firmware did not answer in time", f"{DMESG}; a reset may help"),
    errno.EOPNOTSUPP: ("the driver cannot do this", "a newer driver or firmware may; see its documentation"),
    errno.ENOSYS: ("this kernel cannot do this", "a newer kernel may"),
    errno.ENOTTY: ("the device cannot do this", "there is no way round: see what it offers instead"),
    errno.EEXIST: ("there is one already", "look again: it may be what was wanted"),
    errno.EUSERS: ("no instances are left", "remove one first, or choose another type"),
    errno.E2BIG: ("the value is too long for the kernel", "give a shorter one"),
    errno.EFBIG: ("the value is too long for the kernel", "give a shorter one"),
    errno.EPROTO: ("the device answered with nonsense", f"{DMESG}; a reset may help"),
    errno.EREMOTEIO: ("the firmware of the device refused", DMESG),
    errno.ENOLINK: ("the link to the device is down", f"see whether it is still there, and {DMESG}"),
    errno.EUCLEAN: ("the settings of the device contradict each other", "set all of them anew"),
}
"""Errno → words, where nothing better is known."""

BY_PLACE: Mapping[str, Mapping[int, Words]] = {
    "sriov_numvfs": {
        errno.EINVAL: ("the driver does not take this number of VFs", f"ask for another number; {DMESG}"),
        errno.ERANGE: ("more VFs than sriov_totalvfs", "ask for fewer; more may be a setting of the firmware"),
        errno.EBUSY: (
            "there are VFs already, and their number only changes through 0; or somebody else changes it",
            "ask for 0 first",
        ),
        errno.ENOENT: (
            "the driver of the PF does not manage VFs, or there is none",
            "bind its own driver or pci-pf-stub; vfio-pci needs enable_sriov=1",
        ),
        errno.ENOMEM: (
            "no room: the firmware left too little memory or too few bus numbers for VFs",
            "turn on SR-IOV and Above 4G Decoding in the firmware, boot with pci=realloc, or ask for fewer; see dmesg",
        ),
        errno.EIO: ("the SR-IOV capability of the device is not as it should be, or its firmware refused", DMESG),
        errno.ENODEV: ("the PF that this one depends on is missing, or the device has gone", "look again; see dmesg"),
        errno.ENOSYS: ("the PF that this one depends on is not there", "see its Function Dependency Link in lspci -vv"),
        errno.EPERM: ("the driver does not allow VFs in this mode", f"see the driver's own settings; {DMESG}"),
    },
    "sriov_drivers_autoprobe": {
        errno.EINVAL: ("only 0 and 1 can be written here", "report this: iovtop should not have tried"),
    },
    "sriov_vf_msix_count": {
        errno.EOVERFLOW: ("more vectors than one VF can have", "ask for fewer"),
        errno.EINVAL: ("the VF cannot have this many interrupts", "ask for fewer; 0 is the driver's default"),
        errno.ENOSPC: ("the PF has not that many interrupts left", "take some from other VFs first"),
        errno.EOPNOTSUPP: ("the driver of the PF cannot share out interrupts", "there is no way with this driver"),
        errno.EBUSY: ("the VF has a driver", "unbind it first, then set the number, then bind it again"),
    },
    "bind": {
        errno.ENODEV: (
            "the driver does not know this device, or it has gone",
            "set driver_override to that driver first, so that it takes what its table does not name",
        ),
        errno.EBUSY: (
            "it is bound already, or a VFIO user owns its IOMMU group",
            "unbind it first; a host driver cannot come into a group that a VM uses",
        ),
        errno.EINVAL: (
            "the driver refused: for vfio-pci that is a device without IOMMU group, or one on its denylist",
            "turn the IOMMU on (intel_iommu=on, firmware setting VT-d or AMD-Vi); see dmesg",
        ),
        errno.EIO: ("the driver could not start the device", f"reset it and try again; {DMESG}"),
        errno.ENOENT: ("no such driver is loaded", "load its module first: modprobe"),
        errno.EAGAIN: ("the driver waits for another one to be loaded", "load what it needs, or try again later"),
    },
    "unbind": {
        errno.ENODEV: ("the device is not bound to that driver any more", "look again"),
        errno.EBUSY: ("the driver does not let go of it", "find out who uses it, and end that"),
        errno.ENOENT: ("that driver is not loaded any more", "look again"),
    },
    "drivers_probe": {
        errno.ENODEV: ("there is no such device any more", "look again"),
        errno.EINVAL: (
            "no driver took the device, or the one for it failed",
            f"see whether its module is loaded; {DMESG}",
        ),
        errno.EBUSY: (
            "a VFIO user owns its IOMMU group, so that no host driver can come",
            "stop the VM that has the group, or bind a VFIO driver",
        ),
    },
    "driver_override": {
        errno.EINVAL: ("the kernel does not take this as a name", "give the name that /sys/bus/pci/drivers has"),
        errno.ENODEV: _GONE,
    },
    "device state": {
        errno.EINVAL: ("the file is not the state that was looked at, or the driver does not take it", "save it anew"),
        errno.ENOMEM: ("the driver does not take this state: it is another device's", "choose another state"),
        errno.EBUSY: ("somebody has the device, or its group, open", "find out who, and end that"),
        errno.ENOTTY: ("its driver cannot save or take a state", "there is no way with this driver"),
        errno.EOPNOTSUPP: ("its driver cannot save or take a state", "there is no way with this driver"),
        errno.EPROTO: ("the device is not in the state RUNNING", "remove the mdev and make it again"),
        errno.EEXIST: ("a state is kept under that name", "choose another name"),
        errno.ENOENT: ("the file, the device or its VFIO node has gone", "look again"),
        errno.ENOSPC: ("the disk is full", "make room in /var/lib/iovtop"),
    },
    "mdev create": {
        errno.EINVAL: (
            "the kernel or the driver of the parent does not take this UUID or this type",
            "write the UUID in full, with dashes; look what the parent offers now",
        ),
        errno.EEXIST: ("there is an mdev of this UUID already, perhaps below another parent", "take another UUID"),
        errno.EUSERS: ("no instances of this type are left", "remove an mdev first, or choose another type"),
        errno.ENOSPC: (
            "the parent has no room for another mdev of this type",
            "remove one first, or choose a smaller type",
        ),
        errno.ENODEV: ("the parent is just going away", "look again"),
        errno.EBUSY: (
            "the parent is used in another way: by a host driver, or by mdevs of another type",
            "end that first",
        ),
        errno.ENOENT: ("the parent does not offer this type any more", "look what it offers now"),
    },
    "mdev remove": {
        errno.EAGAIN: ("it is being removed already", "look again in a moment"),
        errno.ENODEV: ("it has gone already", "look again"),
        errno.ENOENT: ("it has gone already", "look again"),
        errno.EBUSY: ("somebody has it open", "stop the VM that has it"),
        errno.EINVAL: ("only 1 can be written here", "report this: iovtop should not have tried"),
    },
    "group type": {
        errno.EACCES: ("the kernel wants CAP_SYS_ADMIN and CAP_SYS_RAWIO for this", "run as root, outside a container"),
        errno.EPERM: (
            "a device of the group has a driver, or the group is open",
            "unbind every device of the group first, and stop the VM that has it",
        ),
        errno.EINVAL: (
            "the kernel or the IOMMU cannot give this group such a domain",
            "choose another type; see dmesg",
        ),
        errno.EBUSY: ("the group is in use", "stop the VM that has it"),
        errno.ENOMEM: ("the IOMMU driver could not make such a domain", "choose another type; see dmesg"),
    },
    "reset": {
        errno.EINVAL: ("only 1 can be written here", "report this: iovtop should not have tried"),
        errno.ENOTTY: ("no method to reset this device works", "remove and rescan it, or power the host off and on"),
        errno.EAGAIN: ("the device cannot be reset just now", "try again in a moment"),
        errno.EBUSY: ("somebody holds the device or another one on its bus", "find out who, and end that"),
        errno.ETIMEDOUT: (
            "the device did not come back from its reset",
            "remove and rescan it, or power the host off and on",
        ),
        errno.EIO: (
            "the device did not come back from its reset",
            "remove and rescan it, or power the host off and on",
        ),
    },
    "reset_method": {
        errno.EINVAL: ("the device has no such reset method", "choose one that `reset_method` lists"),
        errno.EOPNOTSUPP: ("the device has no reset method that could be chosen", "there is no way with this kernel"),
    },
    "current_vgpu_type": {
        errno.EINVAL: ("the VF cannot have this vGPU type now", "choose one of `creatable_vgpu_types`"),
        errno.EBUSY: ("the VF is in use, or has a type already", "stop the VM that has it; clear the type first"),
        errno.ENOSPC: (
            "the GPU has no room left for this type",
            "clear the type of another VF, or choose a smaller one",
        ),
        errno.EPERM: ("the vGPU software does not allow this", "see its licence and whether its host driver runs"),
        errno.ENODEV: ("the GPU does not offer vGPU types now", "see whether its vGPU software runs"),
        errno.EIO: ("the vGPU software refused", "see its log: journalctl -u nvidia-vgpu-mgr"),
    },
    "enable_sriov": {
        errno.ENOENT: ("vfio-pci is not loaded, or cannot have VFs", "modprobe vfio-pci"),
    },
    "mdevctl file": {
        errno.ENOSPC: ("the disk is full", "make room on the file system of /etc"),
        errno.EROFS: ("/etc is mounted read-only", "keep definitions where this system's own configuration is made"),
        errno.ENOENT: ("there is no such definition", "mdevctl list --defined shows those there are"),
        errno.EEXIST: ("there is such a definition already", "undefine it first"),
        errno.EACCES: ("only root may write definitions", "run as root"),
        errno.EPERM: ("only root may write definitions", "run as root"),
    },
    "settings file": {
        errno.ENOSPC: ("the disk is full", "make room on the file system of /etc"),
        errno.EROFS: ("/etc is mounted read-only", "save where this system's own configuration is made"),
        errno.ENOENT: ("there is no such file any more", "look again: it may be what was wanted"),
        errno.EACCES: ("only root may write it", "run as root"),
        errno.EPERM: ("only root may write it", "run as root"),
    },
    "unit": {
        errno.ENOENT: ("there is no systemctl, or no such unit", "let your init run `iovtop boot apply --yes` at boot"),
        errno.EIO: ("systemctl refused to do it", "see `systemctl status iovtop-boot.service`"),
        errno.EROFS: ("/etc is mounted read-only", "enable it where this system's own configuration is made"),
    },
    "VF token": {
        errno.EACCES: ("the PF has another VF token, and one of its VFs is open with it", "end whoever has the VF"),
        errno.EBUSY: ("somebody holds the IOMMU group of the PF", "end whoever holds it"),
        errno.EPERM: ("the IOMMU group of the PF is not viable", "`iovtop group bind` binds the rest of it"),
        errno.ENOENT: (
            "this kernel has no /dev/vfio/vfio, or the PF no IOMMU group, by which the token is set",
            "load vfio_iommu_type1, or use pci-pf-stub",
        ),
        errno.ENOSPC: ("the disk is full", "make room on the file system of /var/lib/iovtop"),
        errno.EROFS: ("/var/lib/iovtop is mounted read-only", "mount it for writing"),
    },
    "module": {
        errno.ENOENT: ("this kernel has no such module", "install the package of further kernel modules, or build it"),
        errno.EPERM: (
            "the kernel loads no modules any more, or not this one",
            "see Secure Boot and kernel.modules_disabled",
        ),
        errno.EBUSY: ("it is just being loaded", "try again in a moment"),
        errno.EINVAL: (
            "the module does not fit this kernel, or does not take its options",
            "see dmesg, and /etc/modprobe.d",
        ),
        errno.ENODEV: ("the module found nothing to drive", DMESG),
        errno.EEXIST: ("it is loaded already", "look again"),
        errno.ENOEXEC: ("the module does not fit this kernel", "build it for this one"),
    },
}
"""What sort of place gave it (see ``explain.place_kind``) → errno → words."""

BY_DRIVER: Mapping[tuple[str, str, int], Words] = {
    ("sriov_numvfs", "bnxt_en", errno.EINVAL): (
        "bnxt makes VFs only while its interface is up",
        "bring the interface of the PF up first: ip link set up",
    ),
    ("sriov_numvfs", "mlx5_core", errno.EINVAL): (
        "the firmware or the mode of the embedded switch does not allow this number of VFs",
        "see NUM_OF_VFS and SRIOV_EN with mlxconfig, and the eswitch mode",
    ),
    ("sriov_numvfs", "mlx5_core", errno.EBUSY): (
        "the firmware is busy, or rules of the embedded switch are in the way",
        "remove them, and try again; see dmesg",
    ),
    ("sriov_numvfs", "xe", errno.ENODEV): (
        "xe does not run in PF mode",
        "load it with max_vfs=N, and see that the firmware has SR-IOV on",
    ),
    ("sriov_numvfs", "xe", errno.EBUSY): (
        "there are VFs already, or VFs are locked down for debugging",
        "ask for 0 first; see lockdown_vfs_enabling",
    ),
    ("sriov_numvfs", "xe", errno.EIO): (
        "the GuC firmware could not share out the resources of the GPU",
        "ask for fewer VFs or smaller quotas; see dmesg",
    ),
    ("sriov_numvfs", "i915", errno.ENOENT): (
        "this i915 does not manage VFs",
        "it takes the out-of-tree driver with i915.max_vfs=N, or xe",
    ),
    ("sriov_numvfs", "i915", errno.ERANGE): (
        "i915 was not given that many VFs",
        "load it with max_vfs=N",
    ),
    ("sriov_numvfs", "vfio-pci", errno.ENOENT): (
        "vfio-pci was loaded without enable_sriov",
        "echo 1 > /sys/module/vfio_pci/parameters/enable_sriov",
    ),
    ("sriov_numvfs", "nvidia", errno.ENOENT): (
        "the driver makes VFs only with its own tool",
        "/usr/lib/nvidia/sriov-manage -e ADDRESS",
    ),
    ("bind", "nvidia", errno.EINVAL): (
        "a VF with NVIDIA's vGPU framework stays on the driver nvidia",
        "set its vGPU type instead of binding vfio-pci",
    ),
}
"""Place, driver of the device, errno → words that say more than those of the place."""
