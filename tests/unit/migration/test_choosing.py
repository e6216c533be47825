"""Which strategies are possible, from what stands in the way and how QEMU's devices are."""

from __future__ import annotations

from typing import Any

import pytest

from backend.migration.choosing import ways_of
from backend.model.migration import DeviceFeatures, Readiness, Reason, Strategy, Weight

DEVICE = "0000:c1:00.2"


def reason(subject: str, cause: str, weight: Weight = Weight.BLOCKS) -> Reason:
    return Reason(weight, subject, cause, "do something", "somewhere")


NO_DRIVER = reason(DEVICE, f"{DEVICE}: VFIO migration is not supported in kernel")
SHARED_FOLDER = reason("vm", "a 9p folder is mounted")


def possible(reasons: list[Reason], **properties: Any) -> list[Strategy]:
    found = Readiness("vm", 1, tuple(reasons), (DeviceFeatures(DEVICE, "vfio-pci", ()),), True)
    devices = {DEVICE: properties} if properties else {}
    ways = ways_of(found, devices)
    assert [way.strategy for way in ways] == list(Strategy)
    assert all(way.explained for way in ways)
    assert all(bool(way.why_not) is not way.possible for way in ways)
    return [way.strategy for way in ways if way.possible]


@pytest.mark.parametrize(
    ("reasons", "properties", "expected"),
    [
        ([], {"hotpluggable": True}, [Strategy.VFIO, Strategy.UNPLUG]),
        ([], {}, [Strategy.VFIO]),
        ([NO_DRIVER], {"hotpluggable": True}, [Strategy.UNPLUG]),
        ([NO_DRIVER], {"hotpluggable": False}, []),
        ([NO_DRIVER], {"hotpluggable": True, "failover_pair_id": "net0"}, [Strategy.FAILOVER, Strategy.UNPLUG]),
        ([NO_DRIVER, SHARED_FOLDER], {"hotpluggable": True, "failover_pair_id": "net0"}, []),
        ([reason("vm", "Multiple VFIO devices ... P2P")], {"hotpluggable": True}, [Strategy.UNPLUG]),
        ([reason("vm", "slow", Weight.COSTS)], {"hotpluggable": True}, [Strategy.VFIO, Strategy.UNPLUG]),
        ([reason("vm", "QEMU was not asked", Weight.UNKNOWN)], {"hotpluggable": True}, []),
    ],
)
def test_what_is_possible(reasons: list[Reason], properties: dict[str, Any], expected: list[Strategy]) -> None:
    assert possible(reasons, **properties) == expected
