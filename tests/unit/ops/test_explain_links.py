"""What is said of each errno of the network side."""

from __future__ import annotations

import errno
import os

import pytest

from backend.host.doors import READING, devlink_place, vf_place
from backend.ops.explain import explain

PLACES = [
    READING,
    *(vf_place("ens3f0", 3, name) for name in ("mac", "vlan", "rate", "spoofcheck", "trust", "link")),
    *(
        devlink_place("pci/0000:c1:00.0/4", name)
        for name in ("hw_addr", "migratable", "roce", "state", "max_io_eqs")
    ),
    devlink_place("pci/0000:c1:00.0", "mode"),
]  # fmt: skip


@pytest.mark.parametrize("place", PLACES)
@pytest.mark.parametrize("number", sorted(errno.errorcode))
def test_every_errno_has_a_cause_and_a_remedy(place: str, number: int) -> None:
    cause, remedy = explain(OSError(number, os.strerror(number)), place)
    assert cause.startswith(f"{place}: ")
    assert cause.endswith(")")
    assert remedy
    assert "\n" not in cause + remedy


@pytest.mark.parametrize("place", PLACES[1:])
@pytest.mark.parametrize("code", ["EPERM", "EOPNOTSUPP", "EINVAL", "EBUSY", "EIO", "ENODEV"])
def test_the_usual_ones_are_known(place: str, code: str) -> None:
    number = getattr(errno, code)
    cause, _ = explain(OSError(number, os.strerror(number)), place)
    assert cause.endswith(f"({code})")
    assert os.strerror(number) not in cause


def test_what_the_kernel_says_is_passed_on_and_made_harmless() -> None:
    error = OSError(errno.EINVAL, "mlx5_core: Failed setting HCA migratable cap\x1b[2J")
    cause, remedy = explain(error, devlink_place("pci/0000:c1:00.0/4", "migratable"))
    assert '(EINVAL: "mlx5_core: Failed setting HCA migratable cap\\x1b[2J")' in cause
    assert remedy.startswith("unbind the driver of the VF first")
