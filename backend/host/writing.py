"""Changing the host: which files, and how. Runs in a child that can be left behind."""

from __future__ import annotations

import ctypes
import errno
import os
import re
from dataclasses import asdict
from typing import Any

from backend.host import keeping
from backend.host.beneath import is_sysfs, open_beneath
from backend.host.vfio.device import VfioDevice
from backend.host.vfio.saving import restore_state, save_state
from backend.host.vfio.token import set_vf_token
from backend.model.devstate import About

SYSFS = "/sys"

_PCI = r"[0-9a-f]{4,8}:[0-9a-f]{2}:[01][0-9a-f]\.[0-7]"
_UUID = r"[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}"
_NAME = r"[A-Za-z0-9_][A-Za-z0-9_.:+-]{0,127}"

_WRITTEN = (
    rf"bus/pci/devices/{_PCI}/(?:sriov_numvfs|sriov_drivers_autoprobe|sriov_vf_msix_count)",
    rf"bus/pci/devices/{_PCI}/(?:driver_override|driver/unbind|reset|reset_method)",
    rf"bus/pci/devices/{_PCI}/nvidia/current_vgpu_type",
    rf"bus/pci/drivers/{_NAME}/(?:bind|unbind)",
    r"bus/pci/drivers_probe",
    rf"bus/mdev/devices/{_UUID}/remove",
    rf"(?:class/mdev_bus/{_NAME}|devices(?:/{_NAME})+)/mdev_supported_types/{_NAME}/create",
    r"kernel/iommu_groups/[0-9]+/type",
    r"module/vfio_pci/parameters/enable_sriov",
)
"""The files below /sys that iovtop writes. Nothing else is opened for writing, whoever asks."""

_ALLOWED = re.compile("|".join(_WRITTEN), re.ASCII)

BOOT_UNIT = "iovtop-boot.service"

_STATE = rf"/var/lib/iovtop/states/{_NAME}"
_SETTINGS = (
    rf"/etc/mdevctl\.d/{_NAME}/{_UUID}",
    rf"/var/lib/iovtop/vf-tokens/{_PCI}",
    _STATE,
    r"/etc/iovtop/boot\.toml",
    rf"/etc/systemd/system/{re.escape(BOOT_UNIT)}",
)
_KEPT = re.compile("|".join(_SETTINGS), re.ASCII)
"""The files outside /sys that iovtop makes and removes."""

_libc = ctypes.CDLL(None, use_errno=True)
_libc.write.restype = ctypes.c_ssize_t


def may_be_written(path: str) -> bool:
    """Return whether the file that the kernel calls ``path`` is one of those that iovtop writes."""
    return path.startswith(f"{SYSFS}/") and _ALLOWED.fullmatch(path, len(SYSFS) + 1) is not None


def write(arguments: dict[str, Any]) -> None:
    """Write ``data`` to ``path``, below ``root`` in place of /sys, with one write(2).

    Raises ``OSError`` as the kernel does; EPERM for what is not written by iovtop or, where ``root`` is /sys, does
    not belong to it; EXDEV for what lies elsewhere.
    """
    root, path, data = arguments["root"], arguments["path"], arguments["data"].encode("latin-1")
    if not may_be_written(path):
        raise PermissionError(errno.EPERM, "this is no file that iovtop writes", path)
    descriptor = open_beneath(root, path[len(SYSFS) + 1 :], os.O_WRONLY | os.O_NOFOLLOW)
    try:
        if root == SYSFS and not is_sysfs(descriptor):
            raise PermissionError(errno.EPERM, "this is no file of the kernel", path)
        # Not os.write(): it would begin anew after a signal, and the first half may have done its work.
        written = _libc.write(descriptor, data, len(data))
        number = ctypes.get_errno()
    finally:
        os.close(descriptor)
    if written < 0:
        raise OSError(number, os.strerror(number), path)
    if written != len(data):
        raise OSError(errno.EIO, f"wrote {written} of {len(data)} bytes", path)


def may_be_kept(path: str) -> bool:
    """Return whether ``path`` is one of the settings files that iovtop makes."""
    return _KEPT.fullmatch(path) is not None


def _of_this_machine(arguments: dict[str, Any], name: str) -> None:
    if arguments["root"] != SYSFS:
        raise OSError(errno.EROFS, "a foreign tree has settings and modules of its own", name)


def _settings_file(arguments: dict[str, Any]) -> str:
    path: str = arguments["path"]
    _of_this_machine(arguments, path)
    if not may_be_kept(path):
        raise PermissionError(errno.EPERM, "this is no file that iovtop keeps", path)
    return path


def _load_module(arguments: dict[str, Any]) -> None:
    name = arguments["name"]
    _of_this_machine(arguments, name)
    if re.fullmatch(_NAME, name, re.ASCII) is None:
        raise PermissionError(errno.EPERM, "this is no name of a module", name)
    keeping.load_module(name)


def _enable_unit(arguments: dict[str, Any]) -> None:
    name = arguments["name"]
    _of_this_machine(arguments, name)
    if name != BOOT_UNIT:
        raise PermissionError(errno.EPERM, "this is no unit that iovtop keeps", name)
    keeping.enable_unit(name, on=arguments["on"] is True)


def _set_vf_token(arguments: dict[str, Any]) -> None:
    pf, token = arguments["pf"], arguments["token"]
    _of_this_machine(arguments, pf)
    if re.fullmatch(_PCI, pf, re.ASCII) is None or re.fullmatch(_UUID, token, re.ASCII) is None:
        raise PermissionError(errno.EPERM, "this is no PF, or no token", pf)
    set_vf_token(pf, token)


def _state_file(arguments: dict[str, Any], device: str) -> str:
    path = _settings_file(arguments)
    if re.fullmatch(_STATE, path, re.ASCII) is None or re.fullmatch(_UUID, device, re.ASCII) is None:
        raise PermissionError(errno.EPERM, "this is no mdev, or no file of a state", path)
    return path


def _save_state(arguments: dict[str, Any]) -> None:
    about = About(**arguments["about"])
    save_state(_state_file(arguments, about.device), about)


def _restore_state(arguments: dict[str, Any]) -> None:
    device = arguments["device"]
    restore_state(_state_file(arguments, device), About(**arguments["about"]), device)


def _look_at(arguments: dict[str, Any]) -> dict[str, Any]:
    device = arguments["device"]
    _of_this_machine(arguments, device)
    if re.fullmatch(rf"{_PCI}|{_UUID}", device, re.ASCII) is None:
        raise PermissionError(errno.EPERM, "this is no device", device)
    with VfioDevice(device) as opened:
        return asdict(opened.look())


OPERATIONS = {
    "write": write,
    "set_vf_token": _set_vf_token,
    "look_at": _look_at,
    "save_state": _save_state,
    "restore_state": _restore_state,
    "save": lambda arguments: keeping.save(
        _settings_file(arguments), arguments["data"].encode("latin-1"), arguments["mode"]
    ),
    "delete": lambda arguments: os.unlink(_settings_file(arguments)),
    "load_module": _load_module,
    "enable_unit": _enable_unit,
}
