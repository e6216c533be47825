"""Which device of another libvirt's host takes the place of which."""

from __future__ import annotations

from backend.migration.domain_comparison import There, pair_devices
from backend.model.device import Device, DeviceKind
from backend.model.ids import PciAddress
from backend.model.migration import Weight
from backend.vmm.domain import Capabilities, NodeDevice

MINE = "0000:c1:00.6"


def mine(name: str = MINE) -> Device:
    return Device(PciAddress.parse(name), DeviceKind.VF, "", vendor="15b3", device="101e", driver="mlx5_vfio_pci")


def vf(name: str, driver: str = "mlx5_vfio_pci", product: str = "101e") -> NodeDevice:
    return NodeDevice(name, driver, "15b3", product)


def there(*devices: NodeDevice, held: frozenset[str] = frozenset()) -> There:
    return There(Capabilities("", ""), "", False, "", "", "", None, devices, held)


def test_the_same_address_goes_first_then_the_same_driver() -> None:
    other = "0000:41:00.2"
    assert pair_devices([mine()], there(vf(other), vf(MINE)), "there") == (((MINE, MINE),), [])
    pairs, reasons = pair_devices([mine()], there(vf(MINE, "vfio-pci"), vf(other)), "there")
    assert (pairs, reasons) == (((MINE, other),), [])


def test_another_driver_costs_and_is_said() -> None:
    pairs, (reason,) = pair_devices([mine()], there(vf("0000:41:00.2", "mlx5_core")), "there")
    assert pairs == ((MINE, "0000:41:00.2"),)
    assert (reason.weight, "mlx5_core there" in reason.cause) == (Weight.COSTS, True)


def test_what_other_domains_have_is_not_free() -> None:
    other = there(vf(MINE), vf("0000:41:00.2", product="1017"), held=frozenset({MINE}))
    pairs, (reason,) = pair_devices([mine()], other, "hv2")
    assert pairs == ()
    assert (reason.weight, reason.cause.endswith("; 1 are given to other domains")) == (Weight.BLOCKS, True)


def test_none_takes_the_place_of_two() -> None:
    pairs, (reason,) = pair_devices([mine(), mine("0000:c1:00.7")], there(vf(MINE)), "there")
    assert pairs == ((MINE, MINE),)
    assert "0000:c1:00.7" in reason.cause
