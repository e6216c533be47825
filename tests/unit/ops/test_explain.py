"""Every errno of every place means something to an operator."""

from __future__ import annotations

import errno
import os

import pytest

from backend.host.doors import devlink_place, vf_place
from backend.ops.errnos import BY_DRIVER, BY_PLACE, EVERYWHERE
from backend.ops.explain import explain, place_kind

_PF = "/sys/bus/pci/devices/0000:01:00.0"
_UUID = "83b8f4f2-509f-382f-3c1e-e6bfe0fa1001"

PLACES = {
    "sriov_numvfs": f"{_PF}/sriov_numvfs",
    "sriov_drivers_autoprobe": f"{_PF}/sriov_drivers_autoprobe",
    "sriov_vf_msix_count": f"{_PF}/sriov_vf_msix_count",
    "bind": "/sys/bus/pci/drivers/igb/bind",
    "unbind": "/sys/bus/pci/drivers/igb/unbind",
    "drivers_probe": "/sys/bus/pci/drivers_probe",
    "driver_override": f"{_PF}/driver_override",
    "mdev create": "/sys/class/mdev_bus/mtty/mdev_supported_types/mtty-1/create",
    "mdev remove": f"/sys/bus/mdev/devices/{_UUID}/remove",
    "group type": "/sys/kernel/iommu_groups/12/type",
    "reset": f"{_PF}/reset",
    "reset_method": f"{_PF}/reset_method",
    "current_vgpu_type": f"{_PF}/nvidia/current_vgpu_type",
    "enable_sriov": "/sys/module/vfio_pci/parameters/enable_sriov",
    "mdevctl file": f"/etc/mdevctl.d/mtty/{_UUID}",
    "settings file": "/etc/iovtop/boot.toml",
    "unit": "unit iovtop-boot.service",
    "VF token": "VF token of 0000:01:00.0",
    "module": "module mlx5_vfio_pci",
    "device state": f"device state of {_UUID}",
}
"""Kind of place → an action's place."""

LINKS = {
    "vf setting": vf_place("ens1f0", 3, "mac"),
    "eswitch": devlink_place("pci/0000:01:00.0", "mode"),
    "port": devlink_place("pci/0000:01:00.0/3", "migratable"),
}
"""The same for the network side."""

DRIVERS = sorted({"", "igb", *(driver for _, driver, _ in BY_DRIVER)})


def test_every_kind_of_place_is_told_apart() -> None:
    assert {kind: place_kind(place) for kind, place in PLACES.items()} == {kind: kind for kind in PLACES}
    assert set(BY_PLACE) == set(PLACES)
    assert {kind for kind, _, _ in BY_DRIVER} <= set(PLACES)


@pytest.mark.parametrize("kind", [*PLACES, *LINKS, "something else"])
def test_every_errno_has_a_sentence_and_a_remedy(kind: str) -> None:
    place = PLACES.get(kind, LINKS.get(kind, "/sys/some/where"))
    for number, known in errno.errorcode.items():
        name = "EOPNOTSUPP" if number == errno.EOPNOTSUPP else known
        for driver in DRIVERS:
            cause, remedy = explain(OSError(number, os.strerror(number)), place, driver)
            assert cause.startswith(f"{place}: ")
            assert cause.endswith(f"({name})")
            words = cause.removeprefix(f"{place}: ").removesuffix(f" ({name})")
            assert len(words.split()) >= 3, cause
            assert len(remedy.split()) >= 2, cause
            assert "\n" not in cause + remedy
            assert not words.endswith(".")
            assert not remedy.endswith(".")


@pytest.mark.parametrize(
    ("kind", "driver", "number", "words"),
    [
        ("sriov_numvfs", "igb", errno.ERANGE, "more VFs than sriov_totalvfs"),
        ("sriov_numvfs", "igb", errno.EBUSY, "through 0"),
        ("sriov_numvfs", "igb", errno.ENOMEM, "bus numbers"),
        ("sriov_numvfs", "", errno.ENOENT, "does not manage VFs"),
        ("sriov_numvfs", "vfio-pci", errno.ENOENT, "enable_sriov"),
        ("sriov_numvfs", "xe", errno.EIO, "GuC"),
        ("sriov_vf_msix_count", "", errno.EBUSY, "has a driver"),
        ("bind", "", errno.ENODEV, "does not know this device"),
        ("bind", "", errno.EBUSY, "owns its IOMMU group"),
        ("bind", "", errno.EINVAL, "denylist"),
        ("mdev create", "", errno.EUSERS, "no instances"),
        ("mdev create", "", errno.EEXIST, "already"),
        ("mdev remove", "", errno.EAGAIN, "being removed"),
        ("group type", "", errno.EPERM, "has a driver"),
        ("group type", "", errno.EACCES, "CAP_SYS_RAWIO"),
        ("reset", "", errno.ENOTTY, "no method"),
        ("reset_method", "", errno.EINVAL, "no such reset method"),
    ],
)
def test_what_operators_meet_is_named(kind: str, driver: str, number: int, words: str) -> None:
    cause, remedy = explain(OSError(number, os.strerror(number)), PLACES[kind], driver)
    assert words in cause
    assert (cause, remedy) != explain(OSError(number, os.strerror(number)), "/sys/some/where")


def test_what_modprobe_says_is_passed_on() -> None:
    cause, _ = explain(OSError(errno.EINVAL, "Key was\x1b[2J rejected"), PLACES["module"])
    assert cause.endswith(r'(EINVAL: "Key was\x1b[2J rejected")')


def test_an_errno_that_nobody_knows() -> None:
    cause, remedy = explain(OSError(517, "Unknown error 517"), PLACES["bind"])
    assert "(517)" in cause
    assert remedy
    assert 517 not in EVERYWHERE
