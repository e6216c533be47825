"""What a capture holds: where it looks, which attributes it reads, and which it must not touch."""

from __future__ import annotations

import re

FORMAT = "iovtop.capture/1"

ROOTS = (
    "/sys/bus/pci",
    "/sys/bus/mdev",
    "/sys/bus/event_source/devices",
    "/sys/class/iommu",
    "/sys/class/vfio",
    "/sys/class/vfio-dev",
    "/sys/class/mdev_bus",
    "/sys/class/net",
    "/sys/class/nvme",
    "/sys/class/drm",
    "/sys/class/uio",
    "/sys/class/infiniband_verbs",
    "/sys/block",
    "/sys/kernel/iommu_groups",
    "/sys/devices/system/node",
    "/sys/devices/virtual/nvme-subsystem",
    "/sys/devices/virtual/iommu",
    "/sys/devices/virtual/vfio",
    "/sys/devices/virtual/vfio-dev",
)
"""Recorded with all below them; links are recorded as links. The places of PCI and mdev devices come on top."""

MODULES = re.compile(r"vfio\w*|kvm\w*|mdev|iommufd|nvidia_vgpu_vfio|intel_iommu|amd_iommu\w*")
"""Modules whose parameters are recorded."""

FOLDERS_LEFT_OUT = re.compile(
    r"usb\d+|i2c-\d+|tty|sound|drm|input|ptp|queues|statistics|wakeup\d*|mq|queue|integrity|trace|iosched|ppp|pps"
    r"|phy\d+|ieee80211|bdi|msi_bus|hwmon|graphics|backlight|leds|thermal\w*|powercap|memory\d+|cpu\d+|access\d+"
)
"""Folders that are named but not looked into: nothing in them concerns assignment."""

READ = frozenset(
    {
        "uevent",
        "modalias",
        "vendor",
        "device",
        "class",
        "revision",
        "subsystem_vendor",
        "subsystem_device",
        "irq",
        "resource",
        "numa_node",
        "local_cpulist",
        "enable",
        "msi_bus",
        "ari_enabled",
        "d3cold_allowed",
        "power_state",
        "dma_mask_bits",
        "consistent_dma_mask_bits",
        "boot_vga",
        "reset_method",
        "max_link_speed",
        "max_link_width",
        "aer_dev_correctable",
        "aer_dev_fatal",
        "aer_dev_nonfatal",
        "sriov_totalvfs",
        "sriov_offset",
        "sriov_stride",
        "sriov_vf_device",
        "sriov_drivers_autoprobe",
        "control",
        "runtime_status",
        "runtime_enabled",
        "name",
        "type",
        "reserved_regions",
        "available_instances",
        "device_api",
        "description",
        "current_vgpu_type",
        "creatable_vgpu_types",
        "dev",
        "address",
        "flags",
        "ifindex",
        "operstate",
        "mtu",
        "model",
        "serial",
        "firmware_rev",
        "subsysnqn",
        "cntlid",
        "transport",
        "state",
        "nsid",
        "wwid",
        "uuid",
        "nguid",
        "eui",
        "size",
        "ro",
        "partition",
        "removable",
        "cap",
        "ecap",
        "version",
        "domains_supported",
        "domains_used",
        "cpulist",
        "distance",
        "cpumask",
        "cpus",
        "identifier",
        "alias",
    }
)
"""Attributes that are read: none takes a device's lock, wakes it or changes it."""

READ_BELOW = re.compile(r"/(parameters|format|events|msi_irqs)/[^/]+\Z")
"""Small folders that are read whole."""

GUARDED = ("driver_override", "sriov_numvfs", "sriov_vf_total_msix")
"""Attributes that can wait for a device's lock: read where they can be left behind."""

AWAKE_ONLY = frozenset({"current_link_speed", "current_link_width"})
"""Read only from a device that runs: reading them would wake it."""

PROC = (
    "/proc/version",
    "/proc/cmdline",
    "/proc/modules",
    "/proc/interrupts",
    "/proc/swaps",
    "/proc/sys/kernel/hostname",
    "/proc/sys/kernel/osrelease",
    "/proc/sys/kernel/random/boot_id",
    "/proc/net/route",
    "/proc/net/ipv6_route",
    "/proc/net/if_inet6",
)

DEFINITIONS = "/etc/mdevctl.d"
"""Where mdevctl keeps its definitions: a folder for each parent, a file for each UUID."""

NODES = ("/dev/vfio", "/dev/vfio/devices", "/dev/iommu", "/dev/kvm")
"""Device nodes whose owners and modes are noted."""


def is_read(path: str) -> bool:
    """Return whether an attribute is recorded with its content."""
    return path.rpartition("/")[2] in READ or READ_BELOW.search(path) is not None
