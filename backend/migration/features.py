"""What the driver of a device offers for migration, by the best evidence there is.

Source: debugfs ``vfio/DEVICE/migration/features`` (Linux 6.18) and ``state`` (6.8); for older kernels, the sources of
the drivers (Linux 7.3).
"""

from __future__ import annotations

from backend.host.doors import Files
from backend.model.device import Device
from backend.model.migration import DeviceFeatures
from backend.model.text import clean

_DEBUGFS = "/sys/kernel/debug/vfio"

_ALL = ("stop-copy", "p2p", "pre-copy")
BY_DRIVER: dict[str, tuple[str, ...]] = {
    "mlx5_vfio_pci": (*_ALL, "dirty-tracking"),
    "hisi_acc_vfio_pci": ("stop-copy", "pre-copy"),
    "pds_vfio_pci": ("stop-copy", "p2p", "dirty-tracking"),
    "qat_vfio_pci": _ALL,
    "virtio_vfio_pci": _ALL,
    "xe_vfio_pci": ("stop-copy", "p2p"),
    "mtty": (*_ALL, "dirty-tracking"),
    "vfio-pci": (),
    "nvgrace_gpu_vfio_pci": (),
    "ism_vfio_pci": (),
}
"""Driver → what it can offer. Some offer it only where the firmware does (mlx5: devlink ``migratable``)."""


def read_features(files: Files, device: Device) -> DeviceFeatures:
    """Return what the kernel says of a device, or what its driver is known for.

    Reading the state of some devices waits for a transition to end; debugfs answers root only.
    """
    driver = device.driver
    known = BY_DRIVER.get(driver)
    why = f"what {driver} is known for" if known is not None else "nobody knows what its driver offers"
    root = f"{_DEBUGFS}/{device.id}"
    state = _read(files, f"{root}/migration/state")
    told = _read(files, f"{root}/migration/features")
    if told is not None:
        return DeviceFeatures(device.id, driver, tuple(told.split()), state or "", "debugfs")
    if state is None and _listed(files, root) is False:
        # The kernel has the folder, and no migration in it: the driver has none, or this device lacks it.
        return DeviceFeatures(device.id, driver, (), "", "debugfs")
    return DeviceFeatures(device.id, driver, known, state or "", why)


def _read(files: Files, path: str) -> str | None:
    try:
        return clean(files.read(path, 4096).replace(b"\n", b" "))
    except OSError:
        return None


def _listed(files: Files, root: str) -> bool | None:
    """Return whether a device's debugfs folder has a ``migration``; None where that cannot be told."""
    try:
        return "migration" in files.list(root)
    except OSError:
        return None
